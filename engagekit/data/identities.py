"""One customer under several ids: spellings of one id, and ids of other kinds that belong to the same customer.

An id is spelt as the table of customers spells it, or else as it was first met. Two spellings are one id where they
differ in capitals, in how accents are composed, in blanks around them or signs that cannot be seen, or are one phone
number. Ids of 15 letters and digits, as Salesforce gives them, differ by their capitals.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from pydantic import BaseModel

from engagekit.data.files import find_file, open_cells
from engagekit.data.settings import STRICT
from engagekit.data.style import written
from engagekit.display.pseudonyms import KEY, keyed, pseudonyms
from engagekit.errors import DataError

__all__ = ["Identities", "IdentitySettings", "id_keys"]

UNSEEN = "[\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u2064\ufeff]"
BY_CAPITALS = r"^[0-9A-Za-z]{15}$"
MOBILE = {"IDR": ("62", "8"), "MYR": ("60", "1"), "SGD": ("65", "[89]"), "GBP": ("44", "7")}  # country, first digit
IDS = ("customer_id", "referred_by")


class IdentitySettings(BaseModel):
    """Section ``[identities]``: a file of ids and whose they are, attributes that are ids too, and pseudonyms."""

    model_config = STRICT
    file: str = ""
    keys: list[str] = []
    pseudonyms: bool = False


def id_keys(ids: pl.Series, currency: str) -> pl.Series:
    """What each id is known by: the same for all its spellings.

    Parameters
    ----------
    ids : polars.Series
        Ids as text.
    currency : str
        The business's, which says how phone numbers are written without the code of the country.

    Examples
    --------
    >>> id_keys(pl.Series(["Ani@Example.com ", "+62 812-555-0101", "08125550101", "C1"]), "IDR").to_list()
    ['ani@example.com', '+628125550101', '+628125550101', 'c1']
    """
    plain = ids.str.normalize("NFC").str.replace_all(UNSEEN, "").str.strip_chars()
    frame = pl.DataFrame({"plain": plain})
    key = pl.when(pl.col("plain").str.contains(BY_CAPITALS)).then("plain").otherwise(pl.col("plain").str.to_lowercase())
    if currency in MOBILE:
        country, first = MOBILE[currency]
        digits = pl.col("plain").str.replace_all(r"[ ().\-]", "")
        number = digits.str.extract(rf"^(?:(?:\+|00)?{country}|0)({first}\d{{7,11}})$")
        key = pl.when(number.is_not_null()).then(pl.format("+{}{}", pl.lit(country), number)).otherwise(key)
    return frame.select(key).to_series()


@dataclass
class Identities:
    """Ids of a business's customers, as they are met.

    Parameters
    ----------
    currency : str
        The business's.
    settings : IdentitySettings
        What it says of ids.

    Attributes
    ----------
    merged : dict of str to int
        By table, how many ids were another spelling, or another id, of a customer.
    conflicts : list of str
        Ids that several customers share, and that stand for none of them.

    Examples
    --------
    >>> ids = Identities("IDR", IdentitySettings())
    >>> ids.read_map(Path())
    >>> rows = pl.LazyFrame({"customer_id": ["C1", "c1 ", "C2"]})
    >>> ids.applied("interactions", rows).collect()["customer_id"].to_list(), ids.merged
    (['C1', 'C1', 'C2'], {'interactions': 1})
    """

    currency: str
    settings: IdentitySettings
    merged: dict[str, int] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    _known: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"key": pl.String, "is": pl.String}))

    def read_map(self, folder: Path) -> None:
        """Read the file of ids: its columns ``id`` and ``customer_id``.

        Raises
        ------
        DataError
            The file cannot be read or lacks one of them, or there is no key for pseudonyms.
        """
        if self.settings.pseudonyms and not keyed():
            raise DataError(f"pseudonyms need a key in the environment. Set {KEY}.", file="business.toml")
        if not self.settings.file:
            return
        path = find_file(folder, self.settings.file)
        header, cells, _ = open_cells(path)
        for name in ("id", "customer_id"):
            if name not in header:
                raise DataError("has no such column. Name its columns id and customer_id.", file=path.name, column=name)
        rows = cells.collect()
        pairs = {name: written(rows[str(header.index(name))]) for name in ("id", "customer_id")}
        self._learn(pl.DataFrame({"key": id_keys(pairs["id"], self.currency), "is": pairs["customer_id"]}))

    def applied(self, table: str, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Rows of a table, whose customers have one id each."""
        columns = [name for name in IDS if name in rows.collect_schema()]
        if not columns:
            return rows
        met = rows.select(
            pl.concat([pl.col(name) for name in columns]).unique(maintain_order=True).alias("id")
        ).collect()
        spelt = met.drop_nulls().with_columns(key=id_keys(met.drop_nulls()["id"], self.currency))
        first = spelt.unique("key", keep="first", maintain_order=True).select("key", pl.col("id").alias("is"))
        first = first.with_columns(pl.col("is").str.replace_all(UNSEEN, "").str.normalize("NFC").str.strip_chars())
        self._known = pl.concat([self._known, first.join(self._known, on="key", how="anti")])
        other = spelt.join(self._known, on="key").filter(pl.col("id") != pl.col("is"))
        if table == "customers":
            self._learn_keys(rows)
        self.merged[table] = other.height
        named = dict(other.select("id", "is").iter_rows())
        if self.settings.pseudonyms:
            everybody = [named.get(each, each) for each in met["id"].drop_nulls()]
            named = dict(zip(met["id"].drop_nulls(), pseudonyms(everybody), strict=True))
        return rows.with_columns(pl.col(name).replace(named) for name in columns) if named else rows

    def _learn_keys(self, customers: pl.LazyFrame) -> None:
        """Learn the attributes of customers that are ids too."""
        for name in self.settings.keys:
            if name not in customers.collect_schema():
                problem = "is no column of customers. Map it in [tables.customers.columns], or drop it from keys."
                raise DataError(problem, file="business.toml [identities]", column=name)
            pairs = customers.select("customer_id", name).drop_nulls().collect()
            self._learn(pl.DataFrame({"key": id_keys(pairs[name], self.currency), "is": pairs["customer_id"]}))

    def _learn(self, pairs: pl.DataFrame) -> None:
        """Learn whose ids are, except those of several customers."""
        pairs = pairs.drop_nulls().unique(maintain_order=True)
        shared = pairs.filter(pl.col("key").is_duplicated())["key"].unique(maintain_order=True)
        self.conflicts += shared.to_list()
        pairs = pairs.filter(~pl.col("key").is_in(shared.implode()))
        self._known = pl.concat([pairs, self._known.join(pairs, on="key", how="anti")])


def lost_zeros(ids: Iterable[str], longer: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Ids that are others without the zeros in front, as a spreadsheet drops them, with those others.

    Examples
    --------
    >>> list(lost_zeros(["123", "7"], ["00123", "8"]))
    [('123', '00123')]
    """
    with_zeros = {each.lstrip("0"): each for each in longer if each.startswith("0")}
    return ((each, with_zeros[each]) for each in ids if each in with_zeros)
