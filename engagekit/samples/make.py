"""Make and write a sample business, whose true parameters are known.

Every customer has a hidden engagement, which drives what they do and lowers their hazard of leaving. ``world`` makes
the customers, ``visits`` and ``tables`` what they do, and ``files`` the exports; products, texts and rates are in
``sample.toml``.
"""

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import polars as pl

from engagekit.errors import did_you_mean
from engagekit.samples.files import settings_text, write_table
from engagekit.samples.tables import ARM_BASELINE, make_tables
from engagekit.samples.world import END, START, WEEKS, People, Shop, clock, make_people

__all__ = ["END", "SLUGS", "START", "Sample", "Truth", "make_sample", "write_sample"]

SLUGS = {"ecommerce": "kedai-kopi-senja", "saas": "akaun-mudah", "subscription": "green-basket"}
EFFECT = -1.1


@dataclass(frozen=True)
class Truth:
    """True parameters of a sample, which a business never knows.

    Attributes
    ----------
    effect : float
        Log hazard ratio of leaving for each unit of engagement; negative where engaged customers stay longer.
    base_hazard : float
        Weekly hazard of leaving at engagement 0.
    arm_effect : float
        The experiment's true difference in conversion probability, treatment less control.
    arm_baseline : float
        Conversion probability of the control arm.
    customers : polars.DataFrame
        One row a customer: ``customer_id``; ``left_at``, null for those who have not left; and ``engagement``, the mean
        over the customer's weeks.
    weekly : polars.DataFrame
        One row for each customer and week at whose start the customer was there: ``customer_id``; ``week``, its first
        day; ``engagement``; and ``hazard``, the probability of leaving within it:
        1 - exp(-base_hazard * exp(effect * engagement)).

    Examples
    --------
    Engaged customers stay longer; ``effect`` says by how much:

    >>> truth = make_sample("saas", customers=100).truth
    >>> truth.effect, truth.customers["left_at"].null_count()
    (-1.1, 62)
    """

    effect: float
    base_hazard: float
    arm_effect: float
    arm_baseline: float
    customers: pl.DataFrame
    weekly: pl.DataFrame


@dataclass(frozen=True)
class Sample:
    """A made-up business: its tables and its true parameters.

    Attributes
    ----------
    kind : {"ecommerce", "saas", "subscription"}
        A key of ``SLUGS``.
    seed : int
        Seed of the random numbers.
    tables : dict of str to polars.DataFrame
        The eleven tables, as reading the files of ``write_sample`` gives them.
    truth : Truth
        True parameters.
    faults, left_out : dict of str to int
        Further rows in the file of a table: those that reading refuses, and those that a ``keep`` rule drops.

    Examples
    --------
    >>> sample = make_sample("ecommerce", customers=100)
    >>> sample.tables["surveys"]["kind"].unique().sort().to_list()
    ['csat', 'effort', 'nps', 'review']
    >>> sample.faults["surveys"], sample.truth.arm_effect
    (3, 0.06)
    """

    kind: str
    seed: int
    tables: dict[str, pl.DataFrame]
    truth: Truth
    faults: dict[str, int]
    left_out: dict[str, int]


def make_sample(kind: str, *, customers: int = 2_000, seed: int = 1, effect: float = EFFECT) -> Sample:
    """Make a business with 18 months of history, 2025-05-01 to 2026-11-01.

    Parameters
    ----------
    kind : {"ecommerce", "saas", "subscription"}
        A coffee shop in Indonesia, an accounting app in Malaysia or a recipe box in Britain.
    customers : int, default 2000
        Number of customers over the whole history, at least 100. Half of them are there on the first day.
    seed : int, default 1
        The same seed gives the same business.
    effect : float, default -1.1
        Log hazard ratio of leaving for each unit of engagement. With 0, engagement does not predict leaving. Without
        contracts, customers who come seldom are still likelier to look as if they had left.

    Returns
    -------
    Sample
        Tables and true parameters.

    Raises
    ------
    ValueError
        ``kind`` is unknown, or ``customers`` is below 100.

    Examples
    --------
    >>> sample = make_sample("saas", customers=100)
    >>> len(sample.tables), sample.truth.customers.height
    (11, 100)
    """
    if kind not in SLUGS:
        raise ValueError(f"kind: {kind!r} is not known. {did_you_mean(kind, SLUGS)}")
    if customers < 100:
        raise ValueError(f"customers: {customers} must be at least 100")
    shop = _shop(kind)
    rng = np.random.default_rng([seed, list(SLUGS).index(kind)])
    people = make_people(rng, shop, customers, effect)
    tables = make_tables(rng, shop, people)
    planted = {table: cells["rows"] for table, cells in shop["planted"].items()}
    return Sample(
        kind,
        seed,
        tables,
        _truth(shop, people, effect),
        {table: rows for table, rows in planted.items() if table not in shop["keep"]},
        {table: rows for table, rows in planted.items() if table in shop["keep"]},
    )


def write_sample(sample: Sample, folder: str | Path | None = None) -> Path:
    """Write a sample as a business would export it: ``business.toml`` and ``data/*.csv``.

    Headers, numbers and dates are in the language of the business. The files also hold the rows counted in
    ``sample.faults`` and ``sample.left_out``.

    Parameters
    ----------
    sample : Sample
        As ``make_sample`` gives it.
    folder : str or Path, optional
        Created if it does not exist; files of the same name are replaced. By default a new temporary folder.

    Returns
    -------
    Path
        Path of the ``business.toml``.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> settings = write_sample(make_sample("saas", customers=100), mkdtemp())
    >>> settings.name, len(list((settings.parent / "data").iterdir()))
    ('business.toml', 11)
    """
    shop, rng = _shop(sample.kind), np.random.default_rng(sample.seed)
    settings = Path(folder or mkdtemp(prefix=sample.kind)) / "business.toml"
    for table, frame in sample.tables.items():
        write_table(rng, shop, settings.parent, table, frame)
    settings.write_text(settings_text(shop, sample.kind, sample.seed, sample.tables), "utf-8")
    return settings


def _shop(kind: str) -> Shop:
    """Settings of a business in ``sample.toml``, with those that all three share."""
    file = resources.files("engagekit.samples") / "sample.toml"
    words: dict[str, Shop] = tomllib.loads(file.read_text("utf-8"))
    return words | words[kind]


def _truth(shop: Shop, people: People, effect: float) -> Truth:
    who, week = np.nonzero(people.here(WEEKS))
    engagement, hazard = people.engagement[who, week], people.hazard[who, week]
    weeks = np.bincount(who, minlength=people.joined.size)
    mean = np.where(weeks, np.bincount(who, engagement, weeks.size) / weeks.clip(1), np.nan)
    customers = pl.DataFrame({"customer_id": people.ids, "left_at": people.left_at, "engagement": mean})
    customers = customers.with_columns(clock("left_at", shop), pl.col("engagement").fill_nan(None))
    day = np.datetime64(START) + 7 * week
    weekly = {"customer_id": people.ids.gather(who), "week": day, "engagement": engagement, "hazard": hazard}
    return Truth(effect, shop["base_hazard"], shop["arm_effect"], ARM_BASELINE, customers, pl.DataFrame(weekly))
