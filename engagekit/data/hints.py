"""What looks wrong in files that could be read: sentences of ``hint`` in the locales, each with its values."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import polars as pl

from engagekit.data.identities import Identities, lost_zeros
from engagekit.data.periods import renewals
from engagekit.data.reading import Reading

__all__ = ["Hint", "hints", "shared_customers"]

Hint = tuple[str, Mapping[str, object]]  # key of ``hint``, and the values of its {names}
REFUNDS = re.compile("(?i)refund|pengembalian|bayaran balik")
UNIQUE = re.compile("(?i)uni(que|k)")
WHO, FEWEST = "customer_id", 5
MANY, STARS = 30, 5  # answers of which some are above five where they are asked for on a scale of 0 to 10


def hints(readings: Sequence[Reading], ids: Identities) -> Iterator[Hint]:
    """What looks wrong in a business's tables."""
    for reading in readings:
        yield from _rules(reading)
        yield from _columns(reading)
        if reading.table == "subscriptions" and reading.is_held:
            yield from _periods(reading)
    customers = {reading.table: _customers(reading) for reading in readings}
    yield from _ids({table: met for table, met in customers.items() if met is not None})
    merged = sum(ids.merged.values())
    if merged:
        yield "merged_ids", {"n": merged}
    if ids.conflicts:
        yield "shared_ids", {"n": len(ids.conflicts), "id": ids.conflicts[0]}


def _rules(reading: Reading) -> Iterator[Hint]:
    """Keep rules that change nothing or leave nothing, or miss a word in other capitals."""
    before = reading.rows - reading.refused.height
    for rule, rows in reading.left_out.items():
        sign = rule.split(" ", 2)[1]
        values = {"file": reading.file, "rule": rule, "n": rows, "of": before}
        alike = reading.capitals.get(rule, 0)
        if alike:
            yield "rule_capitals" if sign == "!=" else "rule_capitals_lost", values | {"alike": alike}
        elif before and rows == before:
            yield "rule_all", values
        elif before and not rows and sign != "!=":
            yield "rule_none", values


def _columns(reading: Reading) -> Iterator[Hint]:
    """Columns that are probably not what they are taken for, or are missed."""
    file, used, unread = reading.file, set(reading.used), list(dict.fromkeys(reading.unread))
    if reading.table == "interactions" and not reading.has("action", "refund"):
        yield from (("refunds", {"file": file, "column": name}) for name in unread if REFUNDS.search(name))
    if reading.table == "interactions" and reading.is_held and _totals_repeat(reading.frame):
        yield "order_totals", {"file": file}
    if reading.table == "mailings":
        reasons = {(column, reason) for column, reason, *_ in reading.amendments().iter_rows()}
        for ours in ("opens", "clicks"):
            better = [name for name in unread if UNIQUE.search(name) and ours.rstrip("s") in name.casefold()]
            if (ours, "above_delivered") in reasons or better:
                yield "not_people", {"file": file, "column": ours, "better": ", ".join(better)}
    if reading.table == "surveys" and reading.is_held and (answers := _low_answers(reading.frame)):
        yield "nps_scale", {"file": file, "n": answers}
    if any(reason == "moved_hour" for reason in reading.amended["reason"]):
        yield "moved_hour", {"file": file}
    if any(way.what == "twice_encoded" for way in reading.ways):
        yield "twice_encoded", {"file": file}
    if len(used) == 1:
        yield "one_column", {"file": file}


def _low_answers(rows: pl.DataFrame) -> int:
    """Number of answers of the Net Promoter Score where none is in the upper half of its scale; 0 if some are."""
    scores = rows.filter(pl.col("kind").cast(pl.String) == "nps")["score"].drop_nulls()
    highest = scores.max()
    return len(scores) if len(scores) >= MANY and isinstance(highest, float | int) and highest <= STARS else 0


def _totals_repeat(rows: pl.DataFrame) -> bool:
    """Whether lines of one order all have one value, which is then the order's and counts several times."""
    if not {"order_id", "value", "product"} <= set(rows.columns):
        return False
    orders = rows.filter(pl.col("order_id").is_not_null(), pl.col("value").is_not_null()).group_by("order_id")
    several = orders.agg(n=pl.len(), values=pl.col("value").n_unique(), products=pl.col("product").n_unique())
    several = several.filter(pl.col("n") > 1, pl.col("products") > 1)
    return several.height >= FEWEST and bool((several["values"] == 1).all())


def _periods(reading: Reading) -> Iterator[Hint]:
    """Paid periods with gaps of a day, or without a value."""
    frame = reading.frame
    followed = renewals(frame) if "ends_at" in frame.columns and frame["ends_at"].count() else None
    if followed and followed.day_later:
        yield "day_gaps", {"file": reading.file, "n": followed.day_later, "of": followed.followed}
    if followed and followed.overlapping:
        yield "overlaps", {"file": reading.file, "n": followed.overlapping, "of": followed.followed}
    if trials := int((frame["monthly_value"] == 0).sum()):
        yield "trials", {"file": reading.file, "n": trials}


def _customers(reading: Reading) -> pl.Series | None:
    """Ids of a table's customers, each once."""
    if WHO not in reading.scan.collect_schema():
        return None
    return reading.scan.select(pl.col(WHO).unique()).collect()[WHO].drop_nulls()


def _ids(tables: Mapping[str, pl.Series]) -> Iterator[Hint]:
    """Ids that have lost the zeros in front, within a table or beside another."""
    everywhere = {each for ids in tables.values() for each in ids}
    for table, ids in tables.items():
        known = set(tables.get("customers", ids))
        doubtful = [each for each in ids if table == "customers" or each not in known or known == set(ids)]
        lost = list(lost_zeros(doubtful, everywhere))
        if lost:
            yield "lost_zeros", {"table": table, "n": len(lost), "one": lost[0][0], "other": lost[0][1]}


def shared_customers(readings: Iterable[Reading]) -> Iterator[tuple[str, int, dict[str, float]]]:
    """Each table with customers, how many it has, and what share of them each other table has too."""
    tables = {reading.table: ids for reading in readings if (ids := _customers(reading)) is not None and len(ids)}
    for table, ids in tables.items():
        others = {name: ids.is_in(other.implode()).sum() for name, other in tables.items() if name != table}
        yield table, len(ids), {name: float(number) / len(ids) for name, number in others.items()}
