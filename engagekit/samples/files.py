"""Files of a sample as a business would export them: CSV in its language, and its settings."""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import polars.selectors as cs

from engagekit.data.toml import as_toml
from engagekit.language import LANGUAGES, decimal_and_group
from engagekit.samples.world import DAY, Rng, Shop

__all__ = ["settings_text", "write_table"]

FROZEN_AT = dt.datetime(2026, 8, 1)  # the 84 days before it give the score its bounds
LINES_AT_ONCE = 1_000_000  # bounds the memory


def write_table(rng: Rng, shop: Shop, folder: Path, table: str, frame: pl.DataFrame) -> None:
    """Write a table to its CSV in the folder, with the planted bad rows among the others.

    Parameters
    ----------
    rng : numpy.random.Generator
        Chooses where the planted rows go.
    shop : dict
        What ``sample.toml`` says of the business.
    folder : Path
        Folder of the business.
    table : str
        Name of the table.
    frame : polars.DataFrame
        Its rows.
    """
    file = folder / _file(table, shop)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        for part, lines in enumerate(frame.iter_slices(LINES_AT_ONCE)):
            text = _as_text(table, lines, shop)
            text = _with_planted(rng, text, shop["planted"].get(table, {})) if part == 0 else text
            text = text.drop(shop["constants"].get(table, {})).rename(lambda ours: _header(ours, shop))
            text.write_csv(out, separator=shop["separator"], include_header=part == 0)


def settings_text(shop: Shop, kind: str, seed: int, tables: Mapping[str, pl.DataFrame]) -> str:
    """Text of the ``business.toml`` that describes the exported files.

    Parameters
    ----------
    shop : dict
        What ``sample.toml`` says of the business.
    kind : str
        Kind of the business.
    seed : int
        Seed of the sample.
    tables : mapping of str to polars.DataFrame
        The tables as written.

    Returns
    -------
    str
        TOML.
    """
    lines = [_head(shop, kind, seed, tables["interactions"])]
    for table, frame in tables.items():
        lines += [*_table_settings(table, frame, shop), ""]
    return "\n".join(lines) + "\n"


def _as_text(table: str, frame: pl.DataFrame, shop: Shop) -> pl.DataFrame:
    """Cells of a table as text, in the notation of the business's tools."""
    for ours, (one, other) in shop["multiplied"].get(table, {}).items():
        frame = frame.with_columns((pl.col(ours) / pl.col(one)).alias(other)).drop(ours)
    frame = frame.with_columns(
        cs.datetime().dt.strftime(shop["dates"]),
        cs.date().cast(pl.Datetime("us")).dt.strftime(shop["dates"]),
        cs.boolean().replace_strict([True, False], shop["yes_no"], return_dtype=pl.String),
    )
    return frame.with_columns(_number_text(column, shop) for column in frame.select(cs.numeric()))


def _number_text(column: pl.Series, shop: Shop) -> pl.Series:
    decimal, group = decimal_and_group(shop["language"])
    marks = str.maketrans({".": decimal, ",": group})
    numbers = column.unique().drop_nulls()
    texts = [f"{number:,.2f}".rstrip("0").rstrip(".").translate(marks) for number in numbers]
    return column.replace_strict(numbers, pl.Series(texts, dtype=pl.String), default=None)


def _with_planted(rng: Rng, text: pl.DataFrame, cells: dict[str, Any]) -> pl.DataFrame:
    """Table with spoilt copies of random rows, each directly below its original."""
    text = text.with_row_index("at")
    spoilt = {column: pl.lit(cell or None, pl.String) for column, cell in cells.items() if column != "rows"}
    copies: pl.DataFrame = text[rng.integers(0, text.height, cells.get("rows", 0))].with_columns(**spoilt)
    return pl.concat([text, copies]).sort("at", maintain_order=True).drop("at")


def _header(ours: str, shop: Shop) -> str:
    return str(shop["headers"][ours][list(LANGUAGES).index(shop["language"])])


def _file(table: str, shop: Shop) -> str:
    return f"data/{shop['files'][table]}.csv"


def _head(shop: Shop, kind: str, seed: int, interactions: pl.DataFrame) -> str:
    values = {key: as_toml(shop[key]) for key in ("name", "language", "currency", "time_zone", "contact_cost")}
    components = "\n".join(_components(interactions, shop))
    head: str = shop["settings"]["head"]
    blocks = {key: shop[key] for key in ("targets", "goals", "web", "funnels", "support")}
    return head.format(kind=as_toml(kind), seed=seed, components=components, **blocks, **values)


def _table_settings(table: str, frame: pl.DataFrame, shop: Shop) -> Iterator[str]:
    yield f"[tables.{table}]"
    yield f"file = {as_toml(_file(table, shop))}"
    yield f"dates = {as_toml(shop['dates'])}"
    yield f"[tables.{table}.columns]"
    columns: dict[str, Any] = {ours: _header(ours, shop) for ours in frame.columns}
    columns |= {ours: {"constant": value} for ours, value in shop["constants"].get(table, {}).items()}
    for ours, factors in shop["multiplied"].get(table, {}).items():
        columns[ours] = {"product": [_header(factor, shop) for factor in factors]}
    yield from (f"{ours} = {as_toml(theirs)}" for ours, theirs in columns.items())
    if table in shop["keep"]:
        yield f"[tables.{table}.keep]  # rows that do not fulfil it are left out and counted"
        yield from (f"{column} = {as_toml(rule)}" for column, rule in shop["keep"][table].items())


def _components(interactions: pl.DataFrame, shop: Shop) -> Iterator[str]:
    """Lines of the score's components with weight, bounds and direction."""
    end = FROZEN_AT.replace(tzinfo=ZoneInfo(shop["time_zone"]))
    active = pl.col("action").is_in(["purchase", "comment", "review", "share"])
    features = {
        "recency_days": (end - pl.col("time").max()).dt.total_seconds() / DAY,
        "interactions": pl.len(),
        "active_days": pl.col("time").dt.date().n_unique(),
        "orders": pl.col("order_id").filter(pl.col("action") == "purchase").n_unique(),
        "value": pl.col("value").sum(),
        "duration_s": pl.col("duration_s").sum(),
        "active_share": active.sum() / (active | (pl.col("action") == "view")).sum(),
    }
    recent = interactions.filter(pl.col("time").is_between(end - dt.timedelta(days=84), end, closed="left"))
    frame = recent.group_by("customer_id").agg(**{feature: features[feature] for feature in shop["score"]})
    for feature, weight in shop["score"].items():
        values = frame[feature].fill_nan(None)
        low, high = (float(f"{values.quantile(level, 'linear'):.2g}") for level in (0.05, 0.95))
        down = {"direction": "down"} if feature == "recency_days" else {}
        component = {"weight": weight, "low": low, "high": max(high, low + 0.1)} | down
        yield f"{feature} = {as_toml(component)}"
