"""What each value says of itself in Jupyter and in a terminal."""

import datetime as dt
import math
import textwrap

import pandas as pd
import polars as pl
import pytest

from engagekit import Business, ChurnDefinition, ChurnModel, Component, Estimate, History, Scorecard, Study
from engagekit.churn.backtest import Backtest
from engagekit.churn.comparison import Comparison
from engagekit.customers.cohorts import CohortTable
from engagekit.data import read
from engagekit.metrics import median_engagement_score, net_promoter_score, open_rate, order_value

MONTHS = [dt.datetime(2026, month, 1) for month in (1, 2, 3)]
SETTINGS = """
name = "{name}"
kind = "ecommerce"
language = "en"
currency = "GBP"
time_zone = "Europe/London"
as_of = 2026-04-01
horizon = "28d"
targets = {{net_promoter_score = 40, open_rate = 0.35}}
[score.components]
orders = {{weight = 1, low = 0, high = 5}}
[tables.interactions]
file = "visits.csv"
keep = {{action = "!= test"}}
refuse_above = 0.5
[tables.mailings]
file = "mail.csv"
"""
VISITS = """customer_id,time,channel,action
a,2026-01-05 10:00,web,view
a,2026-03-31 10:00,web,view
,2026-01-05 10:00,web,view
b,2026-02-30 10:00,web,view
b,2026-02-29 10:00,web,view
b,2026-02-01 10:00,web,test
b,2026-02-02 10:00,web,view
b,2026-02-02 10:00,web,view
"""
MAILINGS = "sent_at,campaign,sent,delivered\n2026-03-01,Spring,10,9\n"


def lines(text):
    return textwrap.dedent(text).strip()


@pytest.fixture
def shop(tmp_path):
    def made(name="Corner Shop"):
        (tmp_path / "business.toml").write_text(SETTINGS.format(name=name), "utf-8")
        (tmp_path / "visits.csv").write_text(VISITS, "utf-8")
        (tmp_path / "mail.csv").write_text(MAILINGS, "utf-8")
        return tmp_path

    return made


def estimate(*numbers, **further):
    return Estimate(*numbers, **{"n": 9, "units": 9, "method": "", "warning": "", "reason": ""} | further)


def test_an_estimate_is_its_value_its_interval_and_n():
    made = estimate(28.2, 22.7, 33.6, 224.0, 793.0, n=793, units=793, measured_in="points")
    assert repr(made) == "28.2 points, 22.7 to 33.6, n = 793"
    assert "<strong>28.2 points, 22.7 to 33.6, n = 793</strong>" in made._repr_html_()


def test_an_estimate_says_its_units_its_warning_and_its_reason():
    shares = estimate(0.0408, 0.0353, 0.0471, 49, 1200, n=1200, units=36, measured_in="rate", warning="few_units")
    assert repr(shares) == "4.08%, 3.53% to 4.71%, n = 1,200 (36 units); warning: few_units"
    nothing = estimate(*[math.nan] * 5, n=0, units=0, reason="no_rows")
    assert repr(nothing) == "undefined, n = 0; reason: no_rows"


def test_a_metric_gives_its_unit_to_the_estimate_and_to_nothing_that_is_written():
    sent = pl.DataFrame({"campaign": ["a"], "delivered": [80], "opens": [40], "sent": [90]})
    half = 100 * 1.96 * math.sqrt(2 * (50.75 / 103) / 103)  # adjusted Wald
    assert repr(net_promoter_score([10] * 50 + [3] * 50)) == f"0 points, −{half:.0f} to {half:.0f}, n = 100"
    assert repr(open_rate(sent)).startswith("50%, 39% to 61%, n = 1; warning: ")  # Wilson: 50 ± 10.7 per cent
    assert "measured_in" not in open_rate(sent).as_dict()
    bought = pl.DataFrame({"customer_id": ["a", "b"], "order_id": ["1", "2"], "lines": 1, "value": [10.0, 20.0]})
    assert order_value(bought).measured_in == "money"
    assert median_engagement_score([10, 20, 30]).measured_in == "points"


def test_a_business(shop):
    assert repr(Business.open(shop())) == lines("""
        Business: Corner Shop
          kind       ecommerce, without contracts
          language   en
          currency   GBP
          time zone  Europe/London
          as of      2026-04-01
          churn      horizon 28d
          score      1 component, cuts 40 and 70
          targets    net_promoter_score 40, open_rate 0.35
          tables     2: interactions, mailings
    """)


def test_what_a_business_is_called_is_never_markup(shop):
    business = Business.open(shop("<img src=x onerror=alert(1)>\\n$x$"))
    for shown in (business, Study(business)):
        assert "<img" not in shown._repr_html_()
        assert "&lt;img src=x onerror=alert(1)&gt; $x$" in shown._repr_html_()
    assert str(business) == repr(business)
    assert len(repr(business).splitlines()) == 10


def test_a_business_reads_no_table_to_show_itself(shop):
    business = Business.open(shop())
    for file in ("visits.csv", "mail.csv"):
        (business.folder / file).unlink()
    assert "tables     2: interactions, mailings" in repr(business)


def test_a_reading(shop):
    assert repr(Business.open(shop()).reading("interactions")) == lines("""
        Reading of interactions from visits.csv
          rows       8, of them 4 kept
          dates      2026-01-05 to 2026-03-31
          identical  1 row
          left out   1 row: keep action != test
          refused    2 rows: time not_time, first in row 5
          refused    1 row: customer_id missing, first in row 4
    """)


def test_a_study_says_what_is_there_from_when_to_when_and_what_was_refused(shop):
    assert repr(Study(shop())) == lines("""
        Study before 2026-04-01, by month: Corner Shop
          churned       no interaction in the 28d after a date; in the base: one in the 28d before it
          interactions  4 rows  2026-01-05 to 2026-03-31  3 refused
          mailings       1 row  2026-03-01 to 2026-03-01  0 refused
    """)


def test_a_study_reads_nothing_to_show_itself(shop, monkeypatch):
    monkeypatch.setattr(read, "HELD_ROWS", 4)  # the interactions are read again each time they are looked at
    study = Study(shop())
    for file in ("visits.csv", "mail.csv"):
        (study.business.folder / file).unlink()
    assert "interactions  4 rows  dates not known           3 refused" in repr(study)
    assert "mailings       1 row  2026-03-01 to 2026-03-01  0 refused" in repr(study)


@pytest.mark.parametrize("kind", ["pandas", "polars", "lazy"])
def test_a_study_of_frames(kind):
    frame = pl.DataFrame({"customer_id": ["a", "b", "b"], "time": MONTHS, "action": "view", "channel": "web"})
    given = {"pandas": pl.DataFrame.to_pandas, "polars": pl.DataFrame.clone, "lazy": pl.DataFrame.lazy}[kind](frame)
    size = "lazy" if kind == "lazy" else "3 rows  2026-01-01 to 2026-03-01"
    assert repr(Study.of(interactions=given)) == f"Study before 2026-03-02, by month\n  interactions  {size}"
    churn = ChurnDefinition(horizon="28d", contractual=True, grace="7d")
    said = "churned       no paid period 28d after a date; in the base: one on it (gaps up to 7d)"
    assert repr(Study.of(interactions=given, churn=churn)).splitlines()[1].strip() == said


def test_a_history_says_what_dates_each_table_and_what_never_changes():
    customers = pl.DataFrame({"customer_id": ["a"], "joined_at": MONTHS[:1], "city": "Bandung"})
    history = History({"customers": customers, "surveys": pl.LazyFrame({"score": [1]})}, fixed="city")
    assert repr(history) == lines("""
        History of 2 tables: look with before(date) or described(date)
          customers  1 row  dated by joined_at
          surveys    lazy   dated by sent_at or answered_at
          fixed      city
    """)


def test_a_history_computes_nothing_to_show_itself():
    computed = []
    lazy = pl.LazyFrame({"time": MONTHS}).map_batches(lambda frame: computed.append(1) or frame)
    assert "interactions  lazy  dated by time" in repr(History({"interactions": lazy}))
    assert computed == []
    lazy.collect()
    assert computed == [1]


def test_a_scorecard_says_what_gives_its_points():
    parts = Component("orders", 3, 1, 23.5), Component("recency_days", 1, 0, 50, "down", cap=90.0, scale="log")
    assert repr(Scorecard(parts)) == lines("""
        Scorecard: 0 to 100 points from 2 components
          segments      at_risk below 40, potential from 40, advocate from 70; hysteresis 5
          orders        75 points  none at 1, all at 23.5
          recency_days  25 points  none at 50, all at 0, cap 90, log scale
    """)


def backtest(names, candidates=()):
    numbers = {"value": 0.75, "low": 0.70, "high": 0.80, "dates": 3, "n": 1000}
    none = dict.fromkeys(["difference", "difference_low", "difference_high"], math.nan)
    rows = [{"predictor": name, "statistic": "roc_auc", **numbers, **none} for name in names]
    rows += [row | {"statistic": "log_loss", "value": 0.1234567} for row in rows if row["predictor"] in candidates]
    tested = pd.DataFrame({"customer_id": ["a", "b"], "churned": [True, False]} | dict.fromkeys(candidates, 0.5))
    fitted = {"train_dates": MONTHS[:2], "test_date": MONTHS[2], "train_rows": 600, "train_churned": 60}
    return Backtest(pd.DataFrame(rows), MONTHS, 1234, 56, tested, **fitted if candidates else {})


def test_a_backtest_of_columns():
    made = backtest(["score", "recency"])
    made = Backtest(made.statistics, made.dates, made.customers, made.churned, pd.DataFrame())
    assert repr(made) == lines("""
        Backtest: 3 dates, 2026-01-01 to 2026-03-01
          customers  1,234, of them 56 churned
          score      ROC AUC 0.750, 0.700 to 0.800
          recency    ROC AUC 0.750, 0.700 to 0.800
    """)


def test_a_backtest_of_models():
    assert repr(backtest(["recency", "logistic"], ["logistic"])) == lines("""
        Backtest: 3 dates, 2026-01-01 to 2026-03-01
          customers  1,234, of them 56 churned
          fitted to  600 rows on 2 dates, of them 60 churned
          tested on  2 rows on 2026-03-01, of them 1 churned
          recency    ROC AUC 0.750, 0.700 to 0.800
          logistic   ROC AUC 0.750, 0.700 to 0.800
    """)


def test_a_comparison():
    names = ["recency", "logistic"]
    made = Comparison(backtest(names, names), names, "logistic", "recency", pd.DataFrame(), 0.0103, (1, 0, 2), None)
    assert repr(made) == lines("""
        Comparison of 2 churn models, tested on 2 rows
          recommended    recency          calibration error 1.03%
          best log loss  logistic
          recency        log loss 0.1235  ROC AUC 0.750, 0.700 to 0.800
          logistic       log loss 0.1235  ROC AUC 0.750, 0.700 to 0.800
    """)


def test_a_model_before_and_after_it_was_fitted():
    model = ChurnModel("logistic", seed=3)
    assert repr(model) == "ChurnModel: logistic, seed 3\n  fitted to  nothing yet"
    days = pd.DataFrame({"recency_days": range(200), "country": "id"})
    model.fit(days, days["recency_days"] >= 80)
    assert repr(model) == lines("""
        ChurnModel: logistic, seed 3
          fitted to  200 rows, of them 120 churned
          columns    1: recency_days
          left out   1: country
    """)
    model.calibration_ = (0.934, -0.1)
    assert repr(model).splitlines()[-1] == "  calibrated  log odds × 0.934, shifted by −0.100"
    assert model._repr_mimebundle_ is None  # scikit-learn's would go before the card


COHORTS = pl.DataFrame(
    {
        "cohort": [MONTHS[0]] * 4 + [MONTHS[1]] * 3,
        "age": [0, 1, 2, 3, 0, 1, 2],
        "customers": [1200] * 4 + [9] * 3,
        "value": [1.0, 0.25, 0.123, math.nan, 1.0, 2 / 3, math.nan],
    }
)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_table_of_cohorts(kind):
    frame = COHORTS.to_pandas() if kind == "pandas" else COHORTS
    assert repr(CohortTable(frame)) == lines("""
        Retention of 2 cohorts, 1,209 customers
          cohort (customers), age    1    2
          2026-01-01 (1,200)       25%  12%
          2026-02-01 (9)           67%    –
    """)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_table_of_cohorts_is_drawn(kind):
    from matplotlib.pyplot import close

    ax = CohortTable(COHORTS.to_pandas() if kind == "pandas" else COHORTS).plot()
    assert [text.get_text() for text in ax.texts][:3] == ["25%", "12%", "67%"]
    assert CohortTable(COHORTS).plot(ax) is ax
    close(ax.figure)


def test_many_cohorts_show_the_latest_and_none_shows_that():
    many = pl.concat(
        COHORTS.filter(age=1).head(1).with_columns(pl.col("cohort").dt.offset_by(f"{n}mo")) for n in range(24)
    )
    assert len(repr(CohortTable(many)).splitlines()) == 12
    assert repr(CohortTable(many)).splitlines()[-1].startswith("  2027-12-01 (1,200)")
    assert repr(CohortTable(COHORTS.clear())).startswith("Retention of 0 cohorts, 0 customers")
