"""Small shops whose next actions are known by hand."""

import datetime as dt

import polars as pl
import pytest

from engagekit import ChurnDefinition, Component, Scorecard
from engagekit.study import Study

SHOP = """
name = "Warung"
kind = "ecommerce"
language = "{language}"
currency = "IDR"
time_zone = "Asia/Jakarta"
as_of = 2026-09-01
[churn]
capacity = {capacity}
[tables.interactions]
file = "interactions.csv"
"""
SILENT = ChurnDefinition(horizon="28d", contractual=False)
CARD = Scorecard((Component("active_days", 1, 0, 40),))


def purchase(who, month, day, value=100.0, channel="store"):
    return who, dt.datetime(2026, month, day, 12), "purchase", channel, value


@pytest.fixture
def shop_folder(tmp_path):
    """Make a shop in which customers bought on 15 May and fell silent; ten regulars come until the end of August."""

    def make(silent=(), capacity=100, more="", language="en"):
        folder = tmp_path / "warung"
        folder.mkdir(exist_ok=True)
        rows = [purchase(who, 5, 15, channel="email") for who in silent]
        rows += [purchase(f"regular{n}", month, 28) for n in range(10) for month in range(1, 9)]
        rows += [purchase(f"regular{n}", 8, 31) for n in range(10)]
        names = ["customer_id", "time", "action", "channel", "value"]
        pl.DataFrame(rows, schema=names, orient="row").write_csv(folder / "interactions.csv", quote_style="non_numeric")
        (folder / "business.toml").write_text(SHOP.format(capacity=capacity, language=language) + more, "utf-8")
        return folder

    return make


@pytest.fixture
def risky_shop():
    """Make a shop on 1 July 2026, where on 1 April 20 customers were at risk, of whom 5 left.

    The other 15 bought once more in April, for 100 times their number; six regulars come daily.
    """

    def make(cost=0.0, acceptance=0.1, effects=(), scorecard=CARD, opted_out=(), **tables):
        rows = [purchase(f"c{n:02}", 3, 10) for n in range(20)]
        rows += [purchase(f"c{n:02}", 4, 20, 100.0 * n) for n in range(5, 20)]
        days = [dt.datetime(2026, 1, 1, 9) + dt.timedelta(days=n) for n in range(181)]
        rows += [(f"regular{n}", day, "view", "app", None) for n in range(6) for day in days]
        kinds = {"customer_id": pl.String, "time": pl.Datetime("us"), "action": pl.String, "channel": pl.String}
        events = pl.DataFrame(rows, schema=kinds | {"value": pl.Float64}, orient="row")
        everybody = events["customer_id"].unique().sort()
        customers = pl.DataFrame({"customer_id": everybody, "joined_at": dt.datetime(2026, 1, 1)})
        customers = customers.with_columns(opted_out=pl.col("customer_id").is_in(list(opted_out)))
        given = {"interactions": events, "customers": customers} | tables
        study = Study.of(
            **given, as_of="2026-07-01", churn=SILENT, scorecard=scorecard, period="quarter", currency="IDR"
        )
        business = study.business
        churn = business.churn.model_copy(update={"cost": cost, "acceptance": acceptance})
        actions = business.actions.model_copy(update={"effects": dict(effects)})
        study.business = business.model_copy(update={"churn": churn, "actions": actions})
        return study

    return make


@pytest.fixture
def contract_study():
    """A study of contracts on 1 July 2026: one customer does much, one nothing, one left."""
    starts = dt.datetime(2026, 1, 1)
    paid = {"customer_id": ["keen", "silent", "gone"], "starts_at": [starts] * 3, "monthly_value": [10.0, 20.0, 30.0]}
    paid |= {"ends_at": [None, None, dt.datetime(2026, 6, 20)]}
    days = [dt.datetime(2026, 1, 1, 9) + dt.timedelta(days=n) for n in range(181)]
    events = pl.DataFrame({"customer_id": "keen", "time": days, "action": "login", "channel": "app"})
    contracts = ChurnDefinition(horizon="28d", contractual=True)
    given = {"interactions": events, "subscriptions": pl.DataFrame(paid)}
    return Study.of(**given, as_of="2026-07-01", churn=contracts, scorecard=CARD, period="quarter")
