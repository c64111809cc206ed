"""A study: what is asked of it in one line, and that each thing is made once."""

import datetime as dt

import duckdb
import pandas as pd
import polars as pl
import pytest

import engagekit as ek
from engagekit.errors import DataError
from engagekit.prepare.leaving import ChurnDefinition
from engagekit.study import Study

START = dt.datetime(2026, 1, 1)
SILENT = ChurnDefinition(horizon="28d", contractual=False)


def day(number):
    return START + dt.timedelta(days=number)


INTERACTIONS = pl.DataFrame(
    [("a", day(n), "view", "web") for n in range(0, 120, 3)]
    + [("b", day(n), "purchase", "shop") for n in range(0, 90, 5)]
    + [("c", day(n), "view", "web") for n in range(40, 120, 10)],
    schema=["customer_id", "time", "action", "channel"],
    orient="row",
)
CUSTOMERS = pl.DataFrame(
    {"customer_id": ["a", "b", "c"], "joined_at": [day(0), day(0), day(40)], "plan": ["x", "y", "x"], "city": "Bandung"}
)
SURVEYS = pl.DataFrame(
    {
        "customer_id": ["a", "b", "c", "a"],
        "kind": "nps",
        "score": [10.0, 3.0, 9.0, 10.0],
        "answered_at": [day(50), day(55), day(70), day(90)],
        "plan": ["own"] * 4,
    }
)


def study(**options):
    tables = {"interactions": INTERACTIONS, "customers": CUSTOMERS, "surveys": SURVEYS.drop("plan")}
    return Study.of(**{"as_of": "2026-05-01", "churn": SILENT, **tables, **options})


@pytest.fixture(scope="module")
def sample(sample_folders):
    return Study(sample_folders["subscription"])


def test_the_score_of_a_plan_in_one_line():
    measured = study().measure("net_promoter_score", by="plan")
    assert dict(zip(measured["plan"], measured["value"], strict=True)) == {"x": 100.0, "y": -100.0}


def test_one_city_and_one_plan():
    assert study().measure("net_promoter_score", where={"city": "Bandung", "plan": ["x"]})["n"].item() == 3
    assert study().measure("net_promoter_score", where={"city": "Jakarta"})["n"].item() == 0


def test_a_column_of_the_metrics_own_table_comes_before_an_attribute_of_customers():
    assert study(surveys=SURVEYS).measure("net_promoter_score", by="plan")["plan"].tolist() == ["own"]


def test_churn_by_cohort():
    measured = study().measure("churn_rate", by="cohort")
    assert dict(zip(measured["cohort"], measured["n"], strict=True)).keys() == {"2026-01", "2026-02"}


def test_a_group_that_changes_is_the_one_at_the_start_of_the_period():
    measured = study().measure("churn_rate", by="channel", every="month")
    of_shop = measured[(measured["channel"] == "shop") & (measured["n"] > 0)]
    assert of_shop["period"].dt.month.tolist() == [4]
    assert of_shop["value"].tolist() == [1.0]


def test_the_score_by_segment_says_that_it_is_circular(sample):
    measured = sample.measure(["engagement_score", "net_promoter_score"], by="segment")
    circular = measured["warning"].str.contains("circular")
    assert set(measured["metric"][circular]) == {"engagement_score"}
    assert set(measured["segment"].dropna()) == {"advocate", "potential", "at_risk"}


def test_what_a_score_is_made_of_is_circular_by_segment_whatever_its_table():
    names = ["net_promoter_score", "active_customers"]
    for feature, marked in (("last_nps", {"net_promoter_score"}), ("active_days", {"active_customers"})):
        of_score = study(scorecard=ek.Scorecard((ek.Component(feature, 1, 0, 10),)))
        measured = of_score.measure(names, by="segment")
        assert set(measured["metric"][measured["warning"].str.contains("circular")]) == marked
        assert not of_score.measure(names, by="plan")["warning"].str.contains("circular").any()


def test_models_use_the_other_tables_that_the_business_names():
    made, names = study(), {"last_nps", "days_since_answer"}
    assert names <= set(made.dataset.columns)
    assert not names & set(made.modelled.columns)
    for table in ("surveys", "tickets"):
        settings = made.business.churn.model_copy(update={"signals": [table]})
        made.business = made.business.model_copy(update={"churn": settings})
        if table == "surveys":
            assert names <= set(made.modelled.columns)
    with pytest.raises(DataError, match="signals: there are no tickets"):
        _ = made.modelled


def test_buyers_are_sorted_by_what_they_bought_before_each_month(sample_folders):
    shop = Study(sample_folders["ecommerce"])
    measured = shop.measure("orders_placed", by="rfm", every="month")
    month = measured["period"].max()
    last = measured[measured["period"] == month].set_index("rfm")["value"]
    (start,) = (day for day in shop.starts("interactions", "84d") if day.replace(tzinfo=None) == month)
    groups = ek.rfm(shop.prepared("orders")[0], start).lazy().collect()
    placed = shop.prepared("orders")[0].lazy().filter(pl.col("time") >= start, pl.col("lines") > 0).collect()
    named = dict(placed.join(groups, on="customer_id").group_by("rfm").len().rows())
    assert last[last.index.notna()].dropna().to_dict() == named
    assert last[last.index.isna()].item() > 0  # of those who had bought nothing before
    assert named["champion"] > 9


def test_groups_of_buyers_need_orders():
    with pytest.raises(DataError, match="^rfm: groups buyers, and there are no orders"):
        study().measure("active_customers", by="rfm")


def test_a_word_that_names_nothing_says_what_there_is():
    with pytest.raises(DataError, match="^cty: is neither a column of surveys nor .* Did you mean city"):
        study().measure("net_promoter_score", by="cty")


def test_a_table_without_customers_knows_only_its_own_columns():
    mailings = pl.DataFrame({"sent_at": [day(5)], "campaign": "x", "sent": 10, "delivered": 10, "clicks": 2})
    asked = study(mailings=mailings)
    assert asked.measure("click_rate", by="campaign")["value"].item() == 0.2
    with pytest.raises(DataError, match="^plan: is not a column of mailings, which has no customer_id"):
        asked.measure("click_rate", by="plan")


def test_a_column_with_many_values_is_refused():
    many = pl.DataFrame(
        {"customer_id": [f"c{n}" for n in range(101)], "score": 9.0, "kind": "nps", "answered_at": day(9)}
    )
    with pytest.raises(DataError, match="^customer_id: has 101 values, and at most 100 can be shown. Choose some"):
        study(surveys=many).measure("net_promoter_score", by="customer_id")


def test_metrics_of_several_tables_at_once():
    measured = study().measure(["net_promoter_score", "page_views", ek.metrics.churn_rate])
    assert measured["metric"].tolist() == ["net_promoter_score", "page_views", "churn_rate"]


def test_a_metric_whose_table_is_not_there_says_so():
    with pytest.raises(DataError, match=r"^\[tables.mailings\]: is needed for open_rate, and not given"):
        study().measure("open_rate")


def test_own_names_and_any_frame(tmp_path):
    yours = INTERACTIONS.rename({"customer_id": "CustomerID", "time": "InvoiceDate"})
    columns = {"customer_id": "CustomerID", "time": "InvoiceDate"}
    relation = duckdb.connect().from_arrow(yours.to_arrow())
    values = [
        Study.of(interactions=frame, columns=columns, churn=SILENT).measure("churn_rate")["value"].item()
        for frame in (yours, yours.to_pandas(), yours.lazy(), relation)
    ]
    assert values == [values[0]] * 4


def test_what_is_not_given_is_asked_for_when_it_is_needed():
    bare = Study.of(interactions=INTERACTIONS)
    assert bare.measure("page_views")["value"].item() == 48
    with pytest.raises(ValueError, match="^churn: say what leaving means"):
        bare.measure("churn_rate")
    with pytest.raises(ValueError, match="^currency: say it"):
        _ = bare.currency


def test_a_study_before_its_data_and_without_rows():
    assert study(as_of="2025-01-01").is_empty
    with pytest.raises(DataError, match="^no table has a dated row"):
        Study.of(interactions=INTERACTIONS.head(0))
    with pytest.raises(DataError, match="^there is no table 'interaction'. Did you mean interactions"):
        Study.of(interaction=INTERACTIONS)
    with pytest.raises(ValueError, match="^period: 'year' is not known"):
        study(period="year")


def test_a_business_without_interactions_has_numbers_and_no_score(sample_folders, tmp_path):
    only = Study.of(surveys=SURVEYS)
    assert set(only.measured["metric"]) >= {"net_promoter_score"}
    assert only.scorecard is None
    with pytest.raises(DataError, match="no score is declared"):
        _ = only.scores


def test_tables_are_described_and_features_are_of_the_firewall(sample):
    assert isinstance(sample.table("surveys"), pd.DataFrame)
    assert (sample.table("interactions")["time"] < sample.end.replace(tzinfo=None)).all()
    assert sample.features()["customer_id"].is_unique


def test_each_thing_is_made_once(sample):
    assert sample.prepared("visits") is sample.prepared("visits")
    assert sample.described("interactions") is sample.described("interactions")
    assert sample.measured is sample.measured


def test_labels_are_of_every_date_and_unknown_at_the_end(sample):
    rows = sample.churn_dataset()
    unknown = rows.groupby("date")["churned"].apply(lambda churned: churned.isna().all())
    assert unknown.iloc[-1]
    assert not unknown.iloc[0]
    assert {"score", "segment", "slope"} <= set(rows)


def test_a_frame_without_the_columns_that_are_needed_is_refused_with_the_names_that_it_has():
    sold = pd.DataFrame({"CustomerID": ["a"], "InvoiceDate": ["2026-01-05"], "action": "purchase"})
    with pytest.raises(DataError, match="^time: is not a column. There are: CustomerID, InvoiceDate, action"):
        Study.of(interactions=sold)
    with pytest.raises(DataError, match="^interactions, time: is no time. Parse it"):
        Study.of(interactions=sold, columns={"time": "InvoiceDate"})


def test_times_of_a_table_are_on_the_clock_of_the_business():
    instant = pd.DataFrame({"kind": ["nps"], "score": [9], "answered_at": [pd.Timestamp("2026-01-31 20:00", tz="UTC")]})
    shown = Study.of(surveys=instant, time_zone="Asia/Jakarta").table("surveys")["answered_at"]
    assert shown.tolist() == [pd.Timestamp("2026-02-01 03:00")]
    assert Study.of(surveys=instant).table("surveys")["answered_at"].tolist() == [pd.Timestamp("2026-01-31 20:00")]
