import csv
import datetime as dt
import tomllib
from importlib import resources
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagekit.data.business import Business
from engagekit.data.scales import SCALES
from engagekit.data.tables import TABLES, required_columns
from engagekit.samples.make import END, SLUGS, START, Sample, make_sample, write_sample

KINDS = list(SLUGS)
CONTRACTUAL = ["saas", "subscription"]
WEEK = dt.timedelta(days=7)


@pytest.fixture(scope="module")
def samples() -> dict[str, Sample]:
    return {kind: make_sample(kind, customers=500, seed=7) for kind in KINDS}


@pytest.fixture(params=KINDS)
def sample(request, samples) -> Sample:
    return samples[request.param]


@pytest.fixture(scope="module")
def large() -> Sample:
    return make_sample("subscription", customers=10_000, seed=3)


def test_the_same_seed_gives_the_same_business():
    one, two = (make_sample("saas", customers=200, seed=5) for _ in range(2))
    for table in TABLES:
        assert_frame_equal(one.tables[table], two.tables[table])
    assert_frame_equal(one.truth.weekly, two.truth.weekly)
    assert_frame_equal(one.truth.customers, two.truth.customers)


def test_another_seed_gives_another_business():
    one, two = (make_sample("saas", customers=200, seed=seed).tables for seed in (5, 6))
    assert not any(one[table].equals(two[table]) for table in TABLES)


def test_every_table_keeps_its_contract(sample):
    assert list(sample.tables) == list(TABLES)
    for table, contract in TABLES.items():
        frame = sample.tables[table]
        assert frame.height > 0
        assert set(required_columns(table)) <= set(frame.columns)
        assert contract.faults(frame).is_empty()


def test_no_optional_column_is_empty(sample):
    for frame in sample.tables.values():
        assert all(column.null_count() < frame.height for column in frame)


@pytest.mark.parametrize(
    ("table", "ids"),
    [
        ("customers", ["customer_id"]),
        ("interactions", ["event_id"]),
        ("tickets", ["ticket_id"]),
        ("subscriptions", ["customer_id", "starts_at"]),
        ("campaigns", ["campaign", "channel", "starts_at"]),
        ("assignments", ["experiment", "customer_id"]),
    ],
)
def test_ids_are_unique(sample, table, ids):
    assert not sample.tables[table].select(ids).is_duplicated().any()


def test_every_customer_named_anywhere_is_known(sample):
    known = sample.tables["customers"]["customer_id"]
    for frame in sample.tables.values():
        if "customer_id" in frame.columns:
            assert frame["customer_id"].drop_nulls().is_in(known.implode()).all()


def test_the_history_covers_18_months_to_their_last_day(sample):
    time = sample.tables["interactions"]["time"].dt.date()
    assert (time.min(), time.max()) == (START, END - dt.timedelta(days=1))


def test_nothing_is_dated_after_the_end(sample):
    for table, frame in sample.tables.items():
        for column in frame.select(pl.selectors.datetime()):
            if column.name != "ends_at":
                assert column.dt.date().max() < END, (table, column.name)


def test_nobody_acts_before_joining_or_after_leaving(sample):
    joined = sample.tables["customers"].select("customer_id", "joined_at")
    life = joined.join(sample.truth.customers, on="customer_id")
    acts = [("interactions", "time"), ("tickets", "opened_at"), ("assignments", "assigned_at")]
    for table, column in [*acts, ("surveys", "sent_at"), ("surveys", "answered_at")]:
        done = sample.tables[table].select("customer_id", pl.col(column).alias("at")).drop_nulls()
        done = done.join(life, on="customer_id")
        assert (done["joined_at"] <= done["at"]).all()
        assert done.filter(pl.col("left_at") < pl.col("at")).is_empty()


def test_no_clock_time_is_one_that_a_zone_skips_or_repeats(sample):
    acted = pl.concat(
        [
            sample.tables["interactions"].select("time"),
            sample.tables["tickets"].select(time="opened_at"),
            sample.tables["tickets"].select(time="first_human_reply_at"),
            sample.tables["tickets"].select(time="solved_at"),
            sample.tables["surveys"].select(time="answered_at"),
        ]
    )["time"].drop_nulls()
    assert not acted.dt.time().is_between(dt.time(0, 30), dt.time(3), closed="left").any()


@pytest.mark.parametrize("kind", CONTRACTUAL)
def test_a_cancellation_is_when_the_customer_left_and_ends_the_last_period(samples, kind):
    tables, truth = samples[kind].tables, samples[kind].truth
    customers = tables["customers"].join(truth.customers, on="customer_id")
    assert customers["cancelled_at"].equals(customers["left_at"], null_equal=True)
    last = tables["subscriptions"].group_by("customer_id").agg(pl.col("ends_at").max())
    ended = last.join(customers, on="customer_id").drop_nulls("left_at")
    assert ended.height == customers["left_at"].count()
    assert ended["ends_at"].equals(ended["left_at"])


def test_a_shop_has_no_cancellations(samples):
    assert "cancelled_at" not in samples["ecommerce"].tables["customers"].columns


def test_periods_of_a_subscription_follow_one_another(sample):
    periods = sample.tables["subscriptions"].sort("customer_id", "starts_at")
    after = periods.with_columns(next=pl.col("starts_at").shift(-1).over("customer_id")).drop_nulls("next")
    assert after["next"].equals(after["ends_at"])
    assert (periods["starts_at"] < periods["ends_at"]).all()


def test_a_purchase_is_a_line_of_an_order_and_a_refund_takes_one_back(sample):
    lines = sample.tables["interactions"].filter(pl.col("action").is_in(["purchase", "refund"]))
    assert lines.select("value", "order_id", "product", "quantity").null_count().sum_horizontal().item() == 0
    bought, refunds = (lines.filter(pl.col("action") == action) for action in ("purchase", "refund"))
    assert (bought["value"] > 0).all()
    assert (refunds["value"] < 0).all()
    assert refunds["order_id"].is_in(bought["order_id"].implode()).all()
    assert bought["order_id"].is_duplicated().any()
    by_order = lines.group_by("order_id").agg(pl.col("customer_id").n_unique(), pl.col("value").sum())
    assert (by_order["customer_id"] == 1).all()
    assert by_order["value"].min() > -1e-6


def test_a_view_says_which_page_and_how_long(sample):
    views = sample.tables["interactions"].filter(pl.col("action") == "view")
    assert views.select("page", "duration_s", "session_id").null_count().sum_horizontal().item() == 0
    assert views["duration_s"].is_between(0, 600, closed="right").all()


def test_a_visit_belongs_to_one_customer_and_one_channel(sample):
    visits = sample.tables["interactions"].drop_nulls("session_id").group_by("session_id")
    lasts = pl.col("time").max() - pl.col("time").min()
    summary = visits.agg(pl.col("customer_id", "channel").n_unique(), lasts=lasts)
    assert (summary["customer_id"] == 1).all()
    assert (summary["channel"] == 1).all()
    assert summary["lasts"].max() < dt.timedelta(hours=3)


def test_an_invitation_is_answered_on_its_scale_or_not_at_all(sample):
    surveys = sample.tables["surveys"]
    assert set(surveys["kind"]) == set(SCALES)
    assert (surveys["score"].is_null() == surveys["answered_at"].is_null()).all()
    assert surveys.filter(pl.col("score").is_null())["sent_at"].null_count() == 0
    assert surveys.filter(pl.col("score").is_null())["comment"].count() == 0


def test_a_mailing_counts_fewer_people_at_every_step(sample):
    mailings = sample.tables["mailings"]
    steps = ["sent", "delivered", "opens", "clicks", "conversions"]
    for whole, part in pairwise(steps):
        assert (mailings[part] <= mailings[whole]).all()
    assert (mailings["machine_opens"] <= mailings["opens"]).all()
    assert (mailings["unsubscribes"] + mailings["complaints"] <= mailings["delivered"]).all()


def test_a_ticket_is_answered_before_it_is_solved(sample):
    tickets = sample.tables["tickets"]
    solved = tickets.drop_nulls("solved_at")
    assert (solved["opened_at"] <= solved["first_human_reply_at"]).all()
    assert (solved["first_human_reply_at"] <= solved["solved_at"]).all()
    assert tickets.filter(pl.col("solved_at").is_null())["score"].count() == 0
    assert 0 < tickets["first_human_reply_at"].null_count() < tickets.height / 5


def test_revenue_of_campaigns_is_that_of_the_orders_they_led_to(sample):
    led = sample.tables["interactions"].drop_nulls("campaign").filter(pl.col("action") == "purchase")
    campaigns = sample.tables["campaigns"]
    assert campaigns["revenue"].sum() == pytest.approx(led["value"].sum())
    assert campaigns["conversions"].sum() == led["order_id"].n_unique()
    by_name = led.group_by("campaign", "channel").agg(pl.col("value").sum())
    by_campaign = campaigns.group_by("campaign", "channel").agg(pl.col("revenue").sum())
    both = by_campaign.join(by_name, on=["campaign", "channel"])
    assert both.height == by_name.height
    assert both["revenue"].to_numpy() == pytest.approx(both["value"].to_numpy())


def test_a_referrer_had_joined_before_and_was_still_there(sample):
    customers = sample.tables["customers"].join(sample.truth.customers, on="customer_id")
    referred = customers.drop_nulls("referred_by").select(friend="referred_by", joined="joined_at")
    both = referred.join(customers, left_on="friend", right_on="customer_id")
    assert both.height == referred.height > 0
    assert (both["joined_at"] <= both["joined"]).all()
    assert both.filter(pl.col("left_at") < pl.col("joined")).is_empty()


def test_monthly_churn_is_that_of_a_business_in_being(sample):
    weeks = sample.truth.weekly
    n_left = sample.truth.customers["left_at"].count()
    assert 0.02 < 1 - (1 - n_left / weeks.height) ** (365.25 / 12 / 7) < 0.06


def test_the_effect_of_engagement_on_leaving_is_recovered(large):
    base, effect, error = _fitted(large)
    assert effect == pytest.approx(large.truth.effect, abs=3 * error)
    assert base == pytest.approx(large.truth.base_hazard, rel=0.1)
    assert error < 0.05


def test_the_true_hazard_is_the_share_that_left(large):
    weeks = _lived(large).sort("hazard")
    tenth = pl.int_range(pl.len()) * 10 // weeks.height
    tenths = weeks.group_by(tenth).agg(pl.col("hazard", "gone").mean())
    se = (tenths["hazard"] / (weeks.height / 10)).sqrt()
    assert ((tenths["gone"] - tenths["hazard"]).abs() < 4 * se).all()


def test_a_decline_of_engagement_comes_before_leaving(large):
    weeks = _lived(large).with_columns(before=pl.col("engagement").shift(8).over("customer_id")).drop_nulls()
    fall = (weeks["engagement"] - weeks["before"]).to_numpy()
    gone = weeks["gone"].to_numpy() == 1
    assert _t(fall[gone], fall[~gone]) < -4


@pytest.mark.parametrize(("effect", "low", "high"), [(0.0, -3, 3), (-1.1, -60, -6)])
def test_activity_foretells_leaving_only_where_engagement_does(effect, low, high):
    sample = make_sample("saas", customers=4_000, seed=11, effect=effect)
    day, horizon = pl.datetime(2026, 3, 1, time_zone="Asia/Kuala_Lumpur"), pl.duration(days=84)
    time, left_at = pl.col("time"), pl.col("left_at")
    window = sample.tables["interactions"].filter(time.is_between(day - horizon, day, closed="left"))
    active = window.group_by("customer_id").agg(days=time.dt.date().n_unique())
    people = sample.tables["customers"].join(sample.truth.customers, on="customer_id")
    people = people.filter(pl.col("joined_at") < day - horizon, left_at.is_null() | (left_at >= day))
    people = people.join(active, on="customer_id", how="left")
    gone = people.select((left_at < day + horizon).fill_null(False)).to_series().to_numpy()
    days = np.log1p(people["days"].fill_null(0).to_numpy())
    assert low < _t(days[gone], days[~gone]) < high


def test_the_experiment_finds_the_effect_of_its_arm(large):
    arms = large.tables["assignments"].group_by("arm").agg(pl.len(), pl.col("converted").mean())
    (n0, p0), (n1, p1) = arms.sort("arm").select("len", "converted").rows()
    error = np.sqrt(p0 * (1 - p0) / n0 + p1 * (1 - p1) / n1)
    assert p1 - p0 == pytest.approx(large.truth.arm_effect, abs=3 * error)
    assert p0 == pytest.approx(large.truth.arm_baseline, abs=3 * np.sqrt(p0 * (1 - p0) / n0))
    assert n0 == pytest.approx(n1, abs=4 * np.sqrt((n0 + n1) / 4) * 2)
    both = large.tables["assignments"].select(pl.corr("value", "before")).item()
    assert both > 0.5


def test_files_say_what_the_tables_say(samples, tmp_path):
    sample = samples["ecommerce"]
    settings = tomllib.loads(write_sample(sample, tmp_path).read_text("utf-8"))["tables"]
    for table, frame in sample.tables.items():
        with (tmp_path / settings[table]["file"]).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        assert len(rows) == frame.height + sample.faults.get(table, 0) + sample.left_out.get(table, 0)
    with (tmp_path / settings["interactions"]["file"]).open(encoding="utf-8", newline="") as file:
        lines = [row for row in csv.DictReader(file, delimiter=";") if row["ID Pelanggan"]]
    frame = sample.tables["interactions"]
    assert len(lines) == frame.height
    assert [row["Waktu"] for row in lines] == frame["time"].dt.strftime("%d/%m/%Y %H:%M").to_list()
    assert [_number(row["Durasi (detik)"]) for row in lines] == frame["duration_s"].to_list()
    values = [_number(row["Jumlah"]) * _number(row["Harga"]) if row["Harga"] else None for row in lines]
    assert values == frame["value"].to_list()


@pytest.mark.parametrize("kind", KINDS)
def test_reading_the_files_gives_the_tables_and_refuses_the_planted_rows(samples, kind, tmp_path):
    sample = samples[kind]
    business = Business.open(write_sample(sample, tmp_path / SLUGS[kind]))
    assert business.kind == kind
    assert business.slug == SLUGS[kind]
    for table, frame in sample.tables.items():
        reading = business.reading(table)
        assert_frame_equal(reading.frame, frame, check_column_order=False)
        assert reading.refused.height == sample.faults.get(table, 0)
        assert sum(reading.left_out.values()) == sample.left_out.get(table, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_bounds_of_the_score_span_most_customers(samples, kind, tmp_path):
    settings = tomllib.loads(write_sample(samples[kind], tmp_path).read_text("utf-8"))
    components = settings["score"]["components"]
    assert sum(component["weight"] for component in components.values()) == pytest.approx(1)
    assert [name for name, c in components.items() if c.get("direction") == "down"] == ["recency_days"]
    start, end = dt.date(2026, 8, 1) - dt.timedelta(days=84), dt.date(2026, 8, 1)
    window = samples[kind].tables["interactions"].filter(pl.col("time").dt.date().is_between(start, end, closed="left"))
    days = window.group_by("customer_id").agg(pl.col("time").dt.date().n_unique())["time"]
    bounds = components["active_days"]
    assert 0.88 < days.is_between(bounds["low"], bounds["high"]).mean() <= 1
    assert (days < bounds["low"]).mean() < 0.05
    assert (days > bounds["high"]).mean() < 0.06


@pytest.mark.parametrize("kind", KINDS)
def test_key_actions_and_features_are_what_its_customers_do_and_buy(samples, kind, tmp_path):
    business = Business.open(write_sample(samples[kind], tmp_path))
    lines = samples[kind].tables["interactions"]
    assert set(business.web.key_actions) <= set(lines["action"])
    assert set(business.web.features) <= set(lines["action"]) | set(lines["product"])
    assert len(business.web.features) > 3


@pytest.mark.parametrize(("kind", "place"), [("ecommerce", "ID"), ("saas", "MY-14"), ("subscription", "GB-ENG")])
def test_customers_are_answered_in_a_working_week(samples, kind, place, tmp_path):
    week = Business.open(write_sample(samples[kind], tmp_path)).week
    assert week.holidays == place
    assert 35 * 60 < sum(end - start for shifts in week.shifts for start, end in shifts) < 70 * 60


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_as_many_bad_mixed_and_good_words_and_none_twice(kind):
    words = tomllib.loads((resources.files("engagekit.samples") / "sample.toml").read_text("utf-8"))[kind]
    for pool in ("comments", "mentions"):
        assert len(words[pool]) % 3 == 0
        assert len(set(words[pool])) == len(words[pool])


def test_an_unknown_kind_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"'ecomerce'.*Did you mean ecommerce\?"):
        make_sample("ecomerce")


def test_too_few_customers_are_refused():
    with pytest.raises(ValueError, match="customers: 99 must be at least 100"):
        make_sample("saas", customers=99)


def _lived(sample: Sample) -> pl.DataFrame:
    """Whole weeks, and whether the customer left in them."""
    leaving = sample.truth.customers.select("customer_id", "left_at")
    weeks = sample.truth.weekly.join(leaving, on="customer_id")
    gone = (pl.col("left_at").dt.date() < pl.col("week") + WEEK).fill_null(False).cast(pl.Int8)
    whole = weeks.filter(pl.col("week") + WEEK <= END)
    return whole.with_columns(gone=gone).drop("left_at").sort("customer_id", "week")


def _fitted(sample: Sample) -> tuple[float, float, float]:
    """Base hazard, effect and its standard error: P(gone) = 1 - exp(-exp(a + b x)), fitted by Newton."""
    weeks = _lived(sample)
    x, gone = weeks["engagement"].to_numpy(), weeks["gone"].to_numpy() == 1
    design = np.column_stack([np.ones_like(x), x])
    beta = np.array([np.log(gone.mean()), 0.0])
    for _ in range(12):
        rate = np.exp(design @ beta)
        slope = np.where(gone, rate / np.expm1(rate), -rate)
        fisher = design.T @ (design * (rate**2 / np.expm1(rate))[:, None])
        beta = beta + np.linalg.solve(fisher, design.T @ slope)
    return float(np.exp(beta[0])), float(beta[1]), float(np.sqrt(np.linalg.inv(fisher)[1, 1]))


def _t(one: np.ndarray, other: np.ndarray) -> float:
    return (one.mean() - other.mean()) / np.sqrt(one.var() / one.size + other.var() / other.size)


def _number(text: str) -> float | None:
    return float(text.replace(".", "").replace(",", ".")) if text else None
