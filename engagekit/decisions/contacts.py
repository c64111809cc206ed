"""Whom to contact first: what a contact is expected to keep, less what it costs."""

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw

from engagekit.errors import DataError
from engagekit.language import Language

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["contacts", "write_private"]

OWNER_ONLY, OWNER_FOLDER = 0o600, 0o700
REQUIRED = ("customer_id", "chance", "value")
WRITTEN_AT = dt.datetime(1980, 1, 1)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
UNITS = {"chance": "rate", "value": "money", "expected_gain": "money"}
WIDEST, FILTER_BUTTON = 60, 3  # characters
EVERYWHERE = "A1:XFD1048576"


def contacts(customers: Any, *, acceptance: float, cost: float = 0, capacity: int | None = None) -> "pd.DataFrame":
    """Rank customers by the money that a contact is expected to keep.

    The customer who is most likely to leave is not always the best one to contact: a customer who leaves in spite of an
    offer costs the contact, and so does one who would have stayed without it [1]_. What a contact changes is known only
    where contacts were randomised; ``acceptance`` is the business's own estimate of it, the same for all customers.

    Parameters
    ----------
    customers : pandas.DataFrame or polars.DataFrame
        ``customer_id``; ``chance``, the probability of leaving, 0 to 1; ``value``, the money that is lost with the
        customer; and if known ``opted_out``, whether the customer wants no messages. Rows with a missing chance or
        value are left out; a missing ``opted_out`` counts as no.
    acceptance : float
        Share of the leaving customers whom a contact keeps, above 0 and up to 1.
    cost : float, default 0
        Of a contact, in the same money.
    capacity : int, optional
        How many can be contacted; by default everyone who is worth it.

    Returns
    -------
    pandas.DataFrame
        ``rank`` from 1 on, ``customer_id, chance, value, expected_gain``, the highest gain first and no gain of 0 or
        less. ``attrs["opted_out"]`` counts the customers who would be worth a contact and want none;
        ``attrs["units"]`` has the unit of each column for ``write_private``.

    Raises
    ------
    DataError
        A column is absent, a chance is not between 0 and 1, ``opted_out`` holds something else than yes or no, or a
        customer is there twice.
    ValueError
        ``acceptance``, ``cost`` or ``capacity`` is out of its range.

    Notes
    -----
    expected gain = chance * acceptance * value - cost.

    References
    ----------
    .. [1] Ascarza, E. (2018). Retention Futility: Targeting High-Risk Customers Might Be Ineffective. Journal of
       Marketing Research, 55(1).

    Examples
    --------
    >>> import pandas as pd
    >>> known = pd.DataFrame({"customer_id": ["a", "b"], "chance": [0.9, 0.5], "value": [10.0, 100.0]})
    >>> contacts(known, acceptance=0.5, cost=1)[["customer_id", "expected_gain"]].to_numpy().tolist()
    [['b', 24.0], ['a', 3.5]]
    >>> ranked = contacts(known.assign(opted_out=[False, True]), acceptance=0.5, cost=1)
    >>> ranked["customer_id"].tolist(), ranked.attrs["opted_out"]
    (['a'], 1)
    """
    _check_offer(acceptance, cost, capacity)
    known = _known_customers(nw.from_native(customers, eager_only=True).to_pandas())
    known = known.assign(expected_gain=known["chance"] * acceptance * known["value"] - cost)
    worthwhile = known[known["expected_gain"] > 0]
    welcome = worthwhile[~worthwhile["opted_out"]].drop(columns="opted_out")
    ranked = welcome.sort_values(["expected_gain", "customer_id"], ascending=[False, True])
    ranked = ranked.head(len(ranked) if capacity is None else capacity).reset_index(drop=True)
    ranked.insert(0, "rank", range(1, len(ranked) + 1))
    ranked.attrs = {"opted_out": len(worthwhile) - len(welcome), "units": UNITS}
    return ranked


def write_private(table: "pd.DataFrame", folder: str | Path, name: str = "customers") -> list[Path]:
    """Write a list with real ids as CSV and Excel, readable by its owner alone: folder 0700, files 0600.

    A text that a spreadsheet would take for a formula gets an apostrophe in front of it in the CSV file, and is a text
    in the Excel file. There the header is frozen, with a filter, and columns are as wide as what they hold. The same
    table gives the same bytes.

    Parameters
    ----------
    table : pandas.DataFrame
        The list. ``attrs["units"]`` may say which columns are a ``rate`` or ``money``, which Excel then shows as
        percentages and with the decimals of ``attrs["currency"]``, an ISO code.
    folder : str or Path
        Made if it does not exist.
    name : str, default "customers"
        Name of the files, without their endings.

    Returns
    -------
    list of Path
        The CSV and the Excel file.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import pandas as pd
    >>> listed = pd.DataFrame({"customer_id": ["0812", "0813"], "chance": [0.4, 0.2]})
    >>> listed.attrs["units"] = {"chance": "rate"}
    >>> csv, excel = write_private(listed, mkdtemp(), "first")
    >>> csv.name, excel.name, oct(csv.stat().st_mode)[-3:]
    ('first.csv', 'first.xlsx', '600')
    """
    import polars as pl

    folder = Path(folder)
    folder.mkdir(mode=OWNER_FOLDER, parents=True, exist_ok=True)
    folder.chmod(OWNER_FOLDER)
    frame = pl.from_pandas(table)
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    safe = frame.with_columns(
        pl.when(pl.col(name).str.contains_any(list(FORMULA)) & pl.col(name).str.slice(0, 1).is_in(FORMULA))
        .then(pl.concat_str(pl.lit("'"), name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in texts
    )
    files = [folder / f"{name}.csv", folder / f"{name}.xlsx"]
    for file in files:
        file.unlink(missing_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, OWNER_ONLY))  # so that nobody else reads it half written
    safe.write_csv(files[0])
    currency, units = table.attrs.get("currency", ""), table.attrs.get("units", {})
    _write_sheet(frame, files[1], {name: _formats(unit, currency) for name, unit in units.items()})
    return files


def _check_offer(acceptance: float, cost: float, capacity: int | None) -> None:
    """Refuse arguments that are out of their range."""
    if not 0 < acceptance <= 1:
        raise ValueError(f"acceptance: {acceptance} is not above 0 and up to 1. Write 10 % as 0.1")
    if not cost >= 0:
        raise ValueError(f"cost: {cost} must be 0 or above")
    if capacity is not None and capacity < 1:
        raise ValueError(f"capacity: {capacity} must be 1 or above")


def _known_customers(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Customers with a chance and a value, and whether each opted out."""
    for name in REQUIRED:
        if name not in frame:
            raise DataError(f"is not a column. There are: {', '.join(map(str, frame))}.", column=name)
    known = frame[list(REQUIRED)].dropna()
    for customer, chance in known.loc[~known["chance"].between(0, 1), ["customer_id", "chance"]].head(1).to_numpy():
        raise DataError(f"{chance} (customer {customer!r}) is not between 0 and 1.", column="chance")
    for customer in known.loc[known["customer_id"].duplicated(), "customer_id"].head(1):
        raise DataError(f"{customer!r} is there twice. Give one row for each.", column="customer_id")
    if "opted_out" not in frame:
        return known.assign(opted_out=False)
    wishes = frame.loc[known.index, "opted_out"]
    for wish in wishes[wishes.notna() & ~wishes.isin([True, False])].head(1):
        raise DataError(f"{wish!r} is neither True nor False.", column="opted_out")
    return known.assign(opted_out=wishes.isin([True]))


def _formats(unit: str, currency: str) -> tuple[str, str]:
    """How Python and Excel write a number of a unit; money has the decimals that it has on a page."""
    if unit == "rate":
        return ".1%", "0.0%"
    decimals = len(Language("en").money(0, currency).partition(".")[2])
    return f",.{decimals}f", "#,##0" + "." * bool(decimals) + "0" * decimals


def _width(name: str, values: "pl.Series", written: str) -> int:
    """Characters that a column needs for its name and its values."""
    cells = (len(value if isinstance(value, str) else format(value, written)) for value in values if value is not None)
    return min(max(len(name) + FILTER_BUTTON, max(cells, default=0) + 1), WIDEST)


def _write_sheet(frame: "pl.DataFrame", file: Path, formats: dict[str, tuple[str, str]]) -> None:
    """Write the frame as a workbook in which no time of writing stands."""
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}  # files on disk carry times
    with xlsxwriter.Workbook(file, options) as book:
        book.set_properties({"created": WRITTEN_AT})
        sheet, bold = book.add_worksheet(), book.add_format({"bold": True})
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, frame.height, frame.width - 1)
        sheet.ignore_errors({"number_stored_as_text": EVERYWHERE})  # an id such as 0812 is meant to be a text
        for column, name in enumerate(frame.columns):
            in_python, in_excel = formats.get(name, ("", "General"))
            style = book.add_format({"num_format": in_excel})
            sheet.set_column(column, column, _width(name, frame[name], in_python), style)
            sheet.write_string(0, column, name, bold)
            for row, value in enumerate(frame[name], 1):
                if isinstance(value, str):
                    sheet.write_string(row, column, value)
                elif value is not None:
                    sheet.write(row, column, value, style)
