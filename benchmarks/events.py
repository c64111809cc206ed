"""Seeded interactions of half a year, in time order, written to Parquet slice by slice.

Fifty events a customer on average, some customers far more active than others; visits of about four events, two
minutes apart. Times are whole seconds, as exports have them, so that some events of a customer come at one instant.
Purchases of one visit share an order. Each event has an ``event_id`` of its own, a whole number of 64 bits in no order.
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

SEED = 20261122
START, DAYS = dt.datetime(2024, 1, 1), 182
END = START + dt.timedelta(days=DAYS)
SECONDS = DAYS * 24 * 60 * 60
A_SLICE, A_GROUP = 2_000_000, 250_000  # rows held in memory, and rows of a row group
A_CUSTOMER, A_VISIT, STEP_S = 50, 4, 120  # mean events, mean events, mean seconds between two
ACTIONS = {
    "view": 0.695,
    "click": 0.1,
    "login": 0.08,
    "purchase": 0.05,
    "comment": 0.03,
    "review": 0.02,
    "share": 0.02,
    "refund": 0.005,
}
CHANNELS = {"web": 0.4, "app": 0.3, "email": 0.1, "social": 0.1, "store": 0.05, "whatsapp": 0.05}
PAGES = 200
SCATTER = 0x9E3779B97F4A7C15  # odd, so that multiples of it, in 64 bits, never repeat


def write_events(file: Path, rows: int) -> None:
    """Write about as many events as asked for; those of visits that run past the end come after it."""
    write(file, slices(rows))


def write_with_text_ids(file: Path, numbered: Path) -> None:
    """Write the same events under ids such as c0001234."""
    customer = pl.format("c{}", pl.col("customer_id").cast(pl.String).str.zfill(7))
    event = pl.format("e{}", "event_id")
    batches = pq.ParquetFile(numbered).iter_batches(A_SLICE)
    write(file, (pl.from_arrow(batch).with_columns(customer_id=customer, event_id=event) for batch in batches))


def write(file: Path, frames: Iterator[pl.DataFrame]) -> None:
    writer = None
    for table in (frame.to_arrow() for frame in frames):
        writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=A_GROUP)
    writer.close()


def slices(rows: int) -> Iterator[pl.DataFrame]:
    """Events of one stretch of time after another, in order; what a visit does later goes over to the next one."""
    random = np.random.default_rng([SEED, rows])
    weights = random.lognormal(0, 1.2, max(rows // A_CUSTOMER, 1))
    chances = np.cumsum(weights) / weights.sum()
    number = -(-rows // A_SLICE)
    edges = np.linspace(0, SECONDS, number + 1).astype(np.int64)
    visits = np.linspace(0, rows // A_VISIT, number + 1).astype(np.int64)
    over, written = None, 0
    for index in range(number):
        found = some_visits(random, chances, edges[index : index + 2], visits[index : index + 2])
        found = pl.concat([over, found]) if over is not None else found
        inside = pl.col("second") < int(edges[index + 1])
        over = found.filter(~inside)
        events = described(random, found.filter(inside) if index < number - 1 else found)
        yield events.with_columns(event_id=_scattered(np.arange(written, written + len(events))))
        written += len(events)


def some_visits(
    random: np.random.Generator, chances: np.ndarray, edges: np.ndarray, visits: np.ndarray
) -> pl.DataFrame:
    """Who did something when, in visits that start between two seconds."""
    number = np.arange(*visits)
    who = np.searchsorted(chances, random.random(len(number))).clip(max=len(chances) - 1)
    channel = random.choice(len(CHANNELS), len(number), p=list(CHANNELS.values()))
    starts = random.integers(*edges, len(number))
    visit = np.repeat(np.arange(len(number)), random.geometric(1 / A_VISIT, len(number)))
    steps = np.cumsum(random.exponential(STEP_S, len(visit)))
    first = np.flatnonzero(np.diff(visit, prepend=-1))
    since = steps - steps[first][visit]
    return pl.DataFrame(
        {
            "customer_id": who[visit].astype(np.int32),
            "second": starts[visit] + since.astype(np.int64),
            "channel": channel[visit],
            "order_id": number[visit].astype(np.int32),
        }
    )


def described(random: np.random.Generator, events: pl.DataFrame) -> pl.DataFrame:
    """Events in time order, with what else a business records."""
    rows, action = len(events), pl.col("action")
    money = random.gamma(2, 20, rows).round(2)
    seconds = random.exponential(30, rows).round()
    mood = random.normal(0.2, 0.4, rows).clip(-1, 1).round(1)
    return (
        events.sort("second", maintain_order=True)
        .with_columns(
            action=_words(list(ACTIONS), random.choice(len(ACTIONS), rows, p=list(ACTIONS.values()))),
            channel=_words(list(CHANNELS), pl.col("channel")),
            page=_words([f"/p{number}" for number in range(PAGES)], random.integers(0, PAGES, rows)),
        )
        .select(
            "customer_id",
            (START + pl.duration(seconds="second")).alias("time"),
            "channel",
            "action",
            "page",
            value=pl.when(action.is_in(["purchase", "refund"])).then(money),
            duration_s=pl.when(action == "view").then(seconds),
            sentiment=pl.when(action.is_in(["review", "comment"])).then(mood),
            order_id=pl.when(action == "purchase").then("order_id"),
        )
    )


def _scattered(numbers: np.ndarray) -> pl.Series:
    """Other whole numbers in no order, each once."""
    return pl.Series((numbers.astype(np.uint64) * np.uint64(SCATTER)).astype(np.int64))


def _words(names: list[str], numbers) -> pl.Expr:
    codes = numbers if isinstance(numbers, pl.Expr) else pl.Series(numbers)
    return pl.lit(pl.Series(names)).gather(codes)
