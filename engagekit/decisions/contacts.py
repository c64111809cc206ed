"""Whom to contact first: what a contact is expected to keep, less what it costs."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw

from engagekit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["contacts", "write_private"]

OWNER_ONLY, OWNER_FOLDER = 0o600, 0o700
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def contacts(customers: Any, *, acceptance: float, cost: float = 0, capacity: int | None = None) -> "pd.DataFrame":
    """Rank customers by the money that a contact is expected to keep.

    The customer likeliest to leave is not always the best to contact: who leaves whatever is offered costs the contact,
    and who would have stayed costs it too [1]_. What a contact changes is known only where contacts were randomised;
    ``acceptance`` is the business's own estimate of it, the same for all.

    Parameters
    ----------
    customers : pandas.DataFrame or polars.DataFrame
        ``customer_id``; ``chance``, of leaving, 0 to 1; and ``value``, money that is lost with the customer. Rows with
        a missing one are left out.
    acceptance : float
        Share of those who would leave that a contact keeps, above 0 and up to 1.
    cost : float, default 0
        Of a contact, in the same money.
    capacity : int, optional
        How many can be contacted; by default all who are worth it.

    Returns
    -------
    pandas.DataFrame
        ``rank`` from 1 on, ``customer_id, chance, value, expected_gain`` (chance times acceptance times value less
        cost), the highest first; nobody whose gain is not above 0.

    Raises
    ------
    DataError
        A column is absent, a chance is not between 0 and 1, or a customer is there twice.
    ValueError
        ``acceptance``, ``cost`` or ``capacity`` is out of its range.

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
    """
    if not 0 < acceptance <= 1:
        raise ValueError(f"acceptance: {acceptance} is not above 0 and up to 1. Write 10 % as 0.1")
    if not cost >= 0:
        raise ValueError(f"cost: {cost} must be 0 or above")
    if capacity is not None and capacity < 1:
        raise ValueError(f"capacity: {capacity} must be 1 or above")
    frame = nw.from_native(customers, eager_only=True).to_pandas()
    for name in ("customer_id", "chance", "value"):
        if name not in frame:
            raise DataError(f"is not a column. There are: {', '.join(map(str, frame))}.", column=name)
    known = frame[["customer_id", "chance", "value"]].dropna()
    for who, chance in known.loc[~known["chance"].between(0, 1), ["customer_id", "chance"]].head(1).to_numpy():
        raise DataError(f"{chance} (customer {who!r}) is not between 0 and 1.", column="chance")
    for who in known.loc[known["customer_id"].duplicated(), "customer_id"].head(1):
        raise DataError(f"{who!r} is there twice. Give one row for each.", column="customer_id")
    known = known.assign(expected_gain=known["chance"] * acceptance * known["value"] - cost)
    worth = known[known["expected_gain"] > 0].sort_values(["expected_gain", "customer_id"], ascending=[False, True])
    ranked = worth.head(len(worth) if capacity is None else capacity).reset_index(drop=True)
    ranked.insert(0, "rank", range(1, len(ranked) + 1))
    found: pd.DataFrame = ranked
    return found


def write_private(table: "pd.DataFrame", folder: str | Path, name: str = "customers") -> list[Path]:
    """Write a list with real ids as CSV and Excel, for its owner's eyes: folder 0700, files 0600.

    A text that a spreadsheet would take for a formula is put behind an apostrophe in the CSV, and is a text in Excel.

    Parameters
    ----------
    table : pandas.DataFrame
        The list.
    folder : str or Path
        Made where it is not there.
    name : str, default "customers"
        Of the files, without their endings.

    Returns
    -------
    list of Path
        The CSV and the Excel file.
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
    _write_sheet(frame, files[1])
    return files


def _write_sheet(frame: Any, file: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(file, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(frame.columns):
            sheet.write_string(0, column, name)
            for row, value in enumerate(frame[name], 1):
                if isinstance(value, str):
                    sheet.write_string(row, column, value)
                elif value is not None:
                    sheet.write(row, column, value)
