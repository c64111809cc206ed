"""What a run keeps of a notebook's outputs: an IPython extension that the run's kernel loads."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engagekit.display.pseudonyms import hide_ids, without_ids
from engagekit.display.section import MIME, html_of, part, raw_rows
from engagekit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PRIVATE", "SENTINEL", "finish", "load_ipython_extension"]

PRIVATE = "private"  # folder in which a run writes lists with real ids, and refused rows
SENTINEL = "application/vnd.engagekit.results+json"
MOST_ROWS = 100


def load_ipython_extension(shell: Any) -> None:
    """Give frames and figures out under the kit's own MIME type, with pseudonyms in place of ids."""
    hide_ids()
    bundle_of = shell.display_formatter.mimebundle_formatter.for_type_by_name
    for module in ("pandas", "pandas.core.frame"):
        bundle_of(module, "DataFrame", _frame)
    for module in ("pandas", "pandas.core.series"):
        bundle_of(module, "Series", lambda series, **_: _frame(series.to_frame()))
    bundle_of("polars.dataframe.frame", "DataFrame", lambda frame, **_: _frame(frame.to_pandas()))
    bundle_of("polars.series.series", "Series", lambda series, **_: _frame(series.to_frame().to_pandas()))
    bundle_of("matplotlib.figure", "Figure", _figure)


def finish(names: Mapping[str, Any]) -> None:
    """Display the output that says that a notebook came to its end, and carries what becomes ``metrics.json``.

    Rows that were refused are written to ``private/refused.csv``. The runner adds a cell that calls it with the
    notebook's own names.

    Raises
    ------
    DataError
        The notebook has no study.
    """
    import polars as pl
    from IPython.display import display

    from engagekit.decisions.contacts import write_private
    from engagekit.reports.metrics_json import study_data
    from engagekit.study import Study

    study = next((value for value in names.values() if isinstance(value, Study)), None)
    report = next((value for value in names.values() if hasattr(value, "study") and hasattr(value, "as_dict")), None)
    if study is None:
        raise DataError("there is no study in the notebook: study = Study(business, as_of or None)")
    data = study_data(study) if report is None else report.as_dict()
    refused = [reading.refused for reading in study.readings if reading.refused.height]
    if refused:
        write_private(pl.concat(refused).to_pandas(), PRIVATE, "refused")
    display({SENTINEL: data}, raw=True)  # type: ignore[no-untyped-call]


def _frame(frame: "pd.DataFrame", **_: object) -> dict[str, Any]:
    safe = without_ids(frame)
    shown = safe.head(MOST_ROWS)
    named = shown if list(shown.index) == list(range(len(shown))) else shown.reset_index()
    more = [f"… {len(safe):,}"] if len(safe) > len(shown) else []
    payload = part(table={"columns": [str(name) for name in named], "rows": raw_rows(named), "words": []}, notes=more)
    return {MIME: payload, "text/plain": shown.to_string(), "text/html": html_of(payload)}


def _figure(figure: Any, **_: object) -> dict[str, Any]:
    """The drawing itself is the PNG of Jupyter's own formatter; here is what it says to who does not see it."""
    titles = [figure.get_suptitle(), *(ax.get_title(loc) for ax in figure.axes for loc in ("center", "left", "right"))]
    return {MIME: part(alt=". ".join(filter(None, titles)))}
