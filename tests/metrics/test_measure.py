import dataclasses
import math
from fractions import Fraction

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.io.plugins import register_io_source
from polars.testing import assert_frame_equal

from engagekit.errors import DataError
from engagekit.metrics import (
    click_rate,
    handling_hours,
    net_promoter_score,
    open_rate,
    order_value,
    reach_engagement_rate,
    return_on_ad_spend,
    satisfaction_rate,
    session_duration_s,
    tickets_opened,
    unsubscribe_rate,
)
from engagekit.metrics.catalog import METRICS
from engagekit.metrics.estimate import FIELDS
from engagekit.metrics.intervals import ratio_interval, wilson_interval
from engagekit.metrics.measure import framed, measure
from engagekit.metrics.metric import Ratio, Total
from engagekit.metrics.quantile import Quantile

NAN, INF = math.nan, math.inf
ANA = {"customer_id": "ana"}
RATES = [open_rate, click_rate, unsubscribe_rate]
MAILINGS = pl.DataFrame(
    {
        "campaign": ["tea", "cake", "tea", None, "cake", None],
        "channel": ["mail", "mail", "app", "app", "mail", "mail"],
        "delivered": [100, 300, 50, 80, 120, 70],
        "opens": [40, 90, 10, 20, 60, 7],
        "clicks": [4, 18, 1, 0, 12, 0],
        "unsubscribes": [0, 3, 0, 1, 1, 0],
    }
)


def ratio(name, x, y=None, **options):
    """Ratio of two columns, with next to nothing declared."""
    columns = (x,) if y is None else (x, y)
    denominator = {} if y is None else {"denominator": nw.col(y)}
    options = {"unit": "customer", "measured_in": "ratio", "channel": "test", "table": "test"} | options
    return Ratio(name=name, columns=columns, **{"numerator": nw.col(x), **denominator, **options})


def rows(result):
    return nw.from_native(result).rows(named=True)


def same(one, other):
    assert_frame_equal(one, other, rel_tol=1e-12, abs_tol=1e-12, check_dtypes=True)


def test_many_metrics_at_once_equal_each_alone(on_engine):
    frame = on_engine(MAILINGS)
    together = pl.DataFrame(rows(measure(frame, RATES, by="campaign")))
    alone = pl.concat([pl.DataFrame(rows(measure(frame, rate, by="campaign"))) for rate in RATES])
    same(together, alone)


def test_metrics_come_in_the_order_they_were_asked_for():
    asked = [unsubscribe_rate, open_rate, click_rate]
    assert measure(MAILINGS, asked)["metric"].to_list() == [metric.name for metric in asked]


def test_a_generator_of_metrics_will_do():
    assert measure(MAILINGS, (rate for rate in RATES)).height == 3


@pytest.mark.parametrize("by", ["campaign", ["campaign"], ("campaign", "channel")])
def test_groups_equal_sums_by_hand_and_null_is_a_group(by, on_engine):
    names = [by] if isinstance(by, str) else list(by)
    expected = {}
    for row in MAILINGS.rows(named=True):
        group = tuple(row[name] for name in names)
        opens, delivered = expected.get(group, (0, 0))
        expected[group] = opens + row["opens"], delivered + row["delivered"]
    result = {}
    for row in rows(measure(on_engine(MAILINGS), open_rate, by=by)):
        group = tuple(None if pd.isna(row[name]) else row[name] for name in names)
        result[group] = row["numerator"], row["denominator"]
        assert row["value"] == pytest.approx(row["numerator"] / row["denominator"])
    assert result == expected
    assert (None,) in {group[:1] for group in result}


def test_the_frame_has_the_metric_the_groups_and_the_fields_of_an_estimate():
    result = measure(MAILINGS, RATES, by=["channel", "campaign"])
    assert result.columns == ["metric", "channel", "campaign", *FIELDS]
    assert result.schema["n"] == result.schema["units"] == pl.Int64
    assert {result.schema[name] for name in ("value", "low", "high", "numerator", "denominator")} == {pl.Float64}


def test_pandas_in_gives_pandas_out_and_everything_else_polars(on_engine):
    frame = on_engine(MAILINGS)
    expected = pd.DataFrame if isinstance(frame, pd.DataFrame) else pl.DataFrame
    assert type(measure(frame, RATES)) is expected


def test_groups_of_an_empty_frame_are_none(on_engine):
    frame = on_engine(MAILINGS.with_columns(work_minutes=1.0, ticket_id=pl.lit("t")).head(0))
    result = measure(frame, [*RATES, handling_hours, tickets_opened], by="campaign")
    assert len(result) == 0
    assert list(result.columns) == ["metric", "campaign", *FIELDS]


def test_a_group_in_which_no_row_counts_is_undefined_for_every_kind_of_metric(on_engine):
    frame = pl.DataFrame(
        {
            "team": ["a", "a", "b"],
            "work_minutes": [60, 30, None],
            "value": [1.0, 2.0, None],
            "lines": [1, 1, 1],
            "customer_id": ["x", "y", "z"],
        }
    )
    total = Total(**_declared("minutes"), columns=("work_minutes",), value=nw.col("work_minutes"))
    result = rows(measure(on_engine(frame), [handling_hours, order_value, total], by="team"))
    assert [(row["metric"], row["team"], row["reason"], row["n"]) for row in result] == [
        ("handling_hours", "a", "", 2),
        ("handling_hours", "b", "no_rows", 0),
        ("order_value", "a", "", 2),
        ("order_value", "b", "no_rows", 0),
        ("minutes", "a", "", 2),
        ("minutes", "b", "no_rows", 0),
    ]
    assert all(math.isnan(row["value"]) for row in result if row["team"] == "b")


def test_nan_and_null_do_not_count(on_engine):
    frame = pl.DataFrame(
        {
            "delivered": [100.0, NAN, 300.0, None, 200.0, 50.0],
            "opens": [10.0, 5.0, NAN, 7.0, None, 20.0],
        }
    )
    result = open_rate(on_engine(frame))
    assert (result.numerator, result.denominator, result.n, result.units) == (30, 150, 2, 2)


def test_an_answer_that_is_nan_is_neither_promoter_nor_error(on_engine):
    frame = pl.DataFrame({"kind": ["nps"] * 4, "score": [10.0, NAN, 3.0, None]})
    result = net_promoter_score(on_engine(frame))
    assert (result.numerator, result.n, result.value) == (0, 2, 0)


def test_reactions_that_are_nan_count_as_null(on_engine):
    frame = pl.DataFrame({"reach": [100, 100, 100], "likes": [NAN, 5.0, NAN], "shares": [2.0, NAN, NAN]})
    result = reach_engagement_rate(on_engine(frame))
    assert (result.numerator, result.denominator, result.n) == (7, 200, 2)


def test_nan_as_a_group_is_the_missing_group():
    frame = MAILINGS.with_columns(price=pl.Series([1.5, NAN, None, 1.5, NAN, None]))
    result = measure(frame, open_rate, by="price")
    assert result["price"].to_list() == [None, 1.5]
    assert result["n"].to_list() == [4, 2]


@pytest.mark.parametrize(
    ("metric", "good", "bad", "message"),
    [
        (open_rate, {"opens": 5, "delivered": 10}, {"opens": 12, "delivered": 10}, "opens 12, delivered 10"),
        (open_rate, {"opens": 5, "delivered": 10}, {"opens": -1, "delivered": 10}, "opens -1, delivered 10"),
        (open_rate, {"opens": 0, "delivered": 10}, {"opens": 0, "delivered": -3}, "opens 0, delivered -3"),
        (open_rate, {"opens": 5.0, "delivered": 9.0}, {"opens": INF, "delivered": INF}, "opens inf, delivered inf"),
        (session_duration_s, {"duration_s": 5.0, **ANA}, {"duration_s": INF, **ANA}, "duration_s inf"),
        (open_rate, {"opens": 5.0, "delivered": 9.0}, {"opens": 5.0, "delivered": INF}, "opens 5.0, delivered inf"),
        (return_on_ad_spend, {"revenue": 5.0, "spend": 9.0}, {"revenue": 5.0, "spend": INF}, "revenue 5.0, spend inf"),
        (return_on_ad_spend, {"revenue": 5.0, "spend": 9.0}, {"revenue": INF, "spend": 9.0}, "revenue inf, spend 9.0"),
        (session_duration_s, {"duration_s": 5.0, **ANA}, {"duration_s": -INF, **ANA}, "duration_s -inf"),
        (net_promoter_score, {"score": 10, "kind": "nps"}, {"score": 11, "kind": "nps"}, "score 11"),
        (net_promoter_score, {"score": 10, "kind": "nps"}, {"score": -1, "kind": "nps"}, "score -1"),
        (net_promoter_score, {"score": 10.0, "kind": "nps"}, {"score": 8.5, "kind": "nps"}, "score 8.5"),
        (satisfaction_rate, {"score": 5, "kind": "csat"}, {"score": 6, "kind": "csat"}, "score 6"),
        (satisfaction_rate, {"score": 5, "kind": "csat"}, {"score": 0, "kind": "csat"}, "score 0"),
        (reach_engagement_rate, {"reach": 9, "likes": 1, "saves": 0}, {"reach": 9, "likes": -2, "saves": 3}, "-2"),
        (return_on_ad_spend, {"revenue": 5, "spend": 9}, {"revenue": 5, "spend": -9}, "revenue 5, spend -9"),
        (handling_hours, {"work_minutes": 5.0}, {"work_minutes": INF}, "work_minutes inf"),
        (handling_hours, {"work_minutes": 5}, {"work_minutes": -5}, "work_minutes -5"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_true_is_named(metric, good, bad, message, on_engine):
    frame = on_engine(pl.DataFrame([good, good, bad, good]))
    counted = (
        "1" if type(frame).__module__.startswith(("duckdb", "_duckdb", "pyspark")) else "1, counted from row 0): row 2"
    )
    with pytest.raises(DataError) as caught:
        metric(frame)
    assert str(caught.value).startswith(f"{metric.name}: rows that cannot be true ({counted}")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("x", "y", "options"),
    [
        (1.0, INF, {}),
        (INF, 1.0, {}),
        (-INF, 1.0, {}),
        (-INF, 1.0, {"most": 5}),
        (INF, 1.0, {"least": 0}),
        (1.0, -1.0, {}),
    ],
)
def test_what_is_infinite_or_has_a_negative_denominator_is_never_true(x, y, options, on_engine):
    frame = on_engine(pl.DataFrame({"x": [1.0, x], "y": [1.0, y]}))
    with pytest.raises(DataError, match=f"x {x}, y {y}"):
        measure(frame, ratio("r", "x", "y", **options))


def test_a_row_whose_arithmetic_has_no_result_does_not_count(on_engine):
    mean_of_rates = ratio("mean_of_rates", "x", least=0)
    mean_of_rates = dataclasses.replace(mean_of_rates, columns=("x", "y"), numerator=nw.col("x") / nw.col("y"))
    result = mean_of_rates(on_engine(pl.DataFrame({"x": [1.0, 0.0, 3.0], "y": [2.0, 0.0, 4.0]})))
    assert (result.value, result.n) == (0.625, 2)


def test_a_bad_row_is_found_in_every_group_and_among_good_metrics():
    frame = MAILINGS.with_columns(clicks=pl.when(pl.col("delivered") == 80).then(99).otherwise("clicks"))
    with pytest.raises(DataError, match=r"^click_rate: .*row 3: clicks 99, delivered 80\."):
        measure(frame, RATES, by="channel")


def test_a_bad_row_is_found_where_rows_are_summed_to_customers():
    frame = pl.DataFrame({"customer_id": ["a", "a", "b"], "value": [1.0, INF, 2.0], "lines": [1, 1, 1]})
    with pytest.raises(DataError, match=r"order_value: .*row 1: value inf, lines 1, customer_id a\."):
        measure(frame, order_value)


def test_all_bad_rows_are_counted_and_three_shown():
    with pytest.raises(DataError, match=r"\(5, counted from row 0\): row 1: .*row 2: .*row 3: [^;]*\. Correct"):
        net_promoter_score([10, 11, 12, 13, 14, 15])


def test_a_row_that_another_rule_leaves_out_may_be_impossible():
    frame = pl.DataFrame({"kind": ["nps", "csat", None], "score": [9, 99, 99]})
    assert net_promoter_score(frame).n == 1


CUSTOMERS = pl.DataFrame(
    {
        "customer_id": ["a", "a", "b", "c", "c", "c", "d", "e"],
        "value": [10.0, 30.0, 12.0, 55.0, 60.0, 58.0, 25.0, 8.0],
        "lines": [1] * 8,
    }
)


def test_duplicated_rows_of_a_customer_tell_nothing_new(on_engine):
    once = order_value(on_engine(CUSTOMERS))
    twice = order_value(on_engine(pl.concat([CUSTOMERS, CUSTOMERS])))
    assert (twice.n, twice.units) == (16, 5)
    assert (twice.value, twice.low, twice.high) == pytest.approx((once.value, once.low, once.high), rel=1e-12)


def test_rows_taken_for_units_would_narrow_the_interval_for_nothing():
    naive = dataclasses.replace(order_value, cluster=None)
    once, twice = naive(CUSTOMERS), naive(pl.concat([CUSTOMERS, CUSTOMERS]))
    assert twice.high - twice.low < 0.75 * (once.high - once.low)
    assert once.high - once.low < order_value(CUSTOMERS).high - order_value(CUSTOMERS).low


def test_a_clustered_interval_equals_the_interval_over_customers_summed_by_hand():
    x = np.array([40.0, 12, 173, 25, 8])
    y = np.array([2.0, 1, 3, 1, 1])
    value = x.sum() / y.sum()
    products = (x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3)
    low, high = ratio_interval(5, *(product.sum() for product in products))
    result = order_value(CUSTOMERS)
    assert (result.value, result.low, result.high) == pytest.approx((value, float(low), float(high)), rel=1e-9)
    assert (result.n, result.units, result.method) == (8, 5, "delta")


def test_row_units_and_two_clusterings_go_together(on_engine):
    by_town = dataclasses.replace(order_value, name="order_value_by_town", cluster="town")
    frame = CUSTOMERS.with_columns(
        town=pl.Series(["x", "x", "x", "y", "y", "y", "z", "z"]),
        delivered=pl.lit(100),
        opens=pl.int_range(pl.len()),
        work_minutes=pl.int_range(pl.len()) * 10,
    )
    metrics = [open_rate, order_value, handling_hours, by_town]
    together = pl.DataFrame(rows(measure(on_engine(frame), metrics)))
    same(together, pl.concat([measure(frame, metric) for metric in metrics]))
    assert together["units"].to_list() == [8, 5, 8, 3]


def test_measuring_by_the_cluster_itself_gives_one_unit_a_group(on_engine):
    result = rows(measure(on_engine(CUSTOMERS), order_value, by="customer_id"))
    assert [(row["customer_id"], row["value"], row["units"], row["warning"], row["method"]) for row in result] == [
        ("a", 20, 1, "one_unit", ""),
        ("b", 12, 1, "one_unit", ""),
        ("c", pytest.approx(173 / 3), 1, "one_unit", ""),
        ("d", 25, 1, "one_unit", ""),
        ("e", 8, 1, "one_unit", ""),
    ]
    assert all(math.isnan(row["low"]) for row in result)


@pytest.fixture(scope="module")
def replications():
    """400 samples of 60 customers, whose values vary between customers and hardly within one; the mean is 50."""
    random = np.random.default_rng(20261121)
    samples, customers = 400, 60
    level = random.normal(50, 10, (samples, customers))
    sizes = 1 + random.poisson(4, (samples, customers))
    sample, customer = np.indices(sizes.shape)
    times = sizes.ravel()
    return pl.DataFrame(
        {
            "sample": np.repeat(sample.ravel(), times),
            "customer_id": np.repeat(customer.ravel(), times),
            "value": np.repeat(level.ravel(), times) + random.normal(0, 3, times.sum()),
            "lines": 1,
        }
    )


def covered(metric, frame, truth):
    result = measure(frame, metric, by="sample")
    return result.select((pl.col("low") <= truth) & (truth <= pl.col("high"))).to_series().mean()


def test_a_clustered_interval_covers_what_it_says(replications):
    assert 0.92 <= covered(order_value, replications, 50) <= 0.98


def test_an_interval_that_ignores_customers_covers_less(replications):
    assert covered(dataclasses.replace(order_value, cluster=None), replications, 50) < 0.75


def test_one_mailing_is_a_sample_of_its_readers():
    result = open_rate(pl.DataFrame({"opens": [81], "delivered": [263]}))
    assert (result.low, result.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert (result.method, result.warning) == ("wilson", "machine_opens within_one_unit")


def test_mailings_that_agree_to_the_last_digit_are_no_certainty():
    result = open_rate(pl.DataFrame({"opens": [10, 30], "delivered": [100, 300]}))
    assert (result.low, result.high) == tuple(wilson_interval(40, 400))
    assert result.method == "wilson"


def test_a_unit_with_nothing_to_divide_is_no_unit():
    posts = pl.DataFrame({"reach": [100, 200, 300], "likes": [5, 30, 12]})
    unseen = pl.DataFrame({"reach": [0, 0], "likes": [0, 0]})
    alone, result = reach_engagement_rate(posts), reach_engagement_rate(pl.concat([posts, unseen]))
    assert (result.value, result.low, result.high) == (alone.value, alone.low, alone.high)
    assert (result.n, result.units) == (5, 3)


@pytest.mark.parametrize("metric", [open_rate, ratio("mean_rate", "opens", "delivered")])
def test_a_zero_denominator_is_undefined(metric, on_engine):
    result = metric(on_engine(pl.DataFrame({"opens": [0, 0], "delivered": [0, 0]})))
    assert (result.reason, result.n, result.numerator, result.denominator) == ("zero_denominator", 2, 0, 0)
    assert all(math.isnan(number) for number in (result.value, result.low, result.high))
    assert result.method == ""


def test_an_interval_stays_within_the_range_of_the_metric():
    frame = pl.DataFrame({"stars": [5, 5, 1]})
    stars = ratio("stars", "stars", least=1, most=5)
    free = dataclasses.replace(stars, least=-INF, most=INF)(frame)
    assert free.low < 1
    assert free.high > 5
    assert (stars(frame).low, stars(frame).high) == (1, 5)


def test_least_and_most_hold_for_each_row_in_its_own_measure():
    stars = ratio("stars", "stars", "answers", least=1, most=5)
    assert stars(pl.DataFrame({"stars": [10, 3], "answers": [2, 3]})).value == 13 / 5
    for stars_sum in (2, 16):
        with pytest.raises(DataError, match=f"row 1: stars {stars_sum}, answers 3"):
            stars(pl.DataFrame({"stars": [10, stars_sum], "answers": [2, 3]}))


def test_scale_multiplies_value_and_interval():
    plain, scaled = (ratio("m", "opens", "delivered", scale=scale)(MAILINGS) for scale in (1, 1000))
    expected = tuple(1000 * number for number in (plain.value, plain.low, plain.high))
    assert (scaled.value, scaled.low, scaled.high) == pytest.approx(expected)
    assert (scaled.numerator, scaled.denominator) == (plain.numerator, plain.denominator)


@pytest.mark.parametrize("confidence", [0.8, 0.99])
def test_confidence_reaches_every_kind_of_interval(confidence):
    frame = pl.concat([MAILINGS] * 5).with_columns(
        score=pl.int_range(pl.len()) % 11, kind=pl.lit("nps"), work_minutes=pl.int_range(pl.len())
    )
    metrics = [open_rate, net_promoter_score, handling_hours]
    usual, other = measure(frame, metrics), measure(frame, metrics, confidence=confidence)
    wider = ((other["high"] - other["low"]) > (usual["high"] - usual["low"])).to_list()
    assert wider == [confidence > 0.95] * 3


@pytest.mark.parametrize("q", [0.5, 0.9, 0.25])
@pytest.mark.parametrize("n", [40, 101])
def test_a_quantile_equals_numpy_and_its_bounds_the_exact_binomial(q, n, on_engine):
    wait = Quantile(**_declared("wait"), columns=("rank",), value=nw.col("rank"), q=q)
    ranks = np.random.default_rng(n).permutation(np.arange(1, n + 1))
    result = wait(on_engine(pl.DataFrame({"rank": ranks})))
    assert result.value == pytest.approx(np.quantile(np.arange(1, n + 1), q))
    assert (result.n, result.units, result.method) == (n, n, "order_statistics")

    def below(k):
        """Exact chance that at most k of n values lie below the quantile."""
        p = Fraction(q).limit_denominator(100)
        return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))

    low, high, tail = int(result.low), int(result.high), Fraction(25, 1000)  # values are their own ranks
    assert below(low - 1) <= tail < below(low)
    assert 1 - below(high - 1) <= tail < 1 - below(high - 2)


def test_a_quantile_by_group_equals_numpy(on_engine):
    random = np.random.default_rng(5)
    frame = pl.DataFrame({"team": random.choice(["a", "b", "c"], 200), "work_minutes": random.gamma(2, 30, 200)})
    result = rows(measure(on_engine(frame), handling_hours, by="team"))
    assert [row["team"] for row in result] == ["a", "b", "c"]
    for row in result:
        minutes = frame.filter(team=row["team"])["work_minutes"].to_numpy()
        assert row["value"] == pytest.approx(np.median(minutes) / 60, rel=1e-12)


@pytest.mark.parametrize(("q", "n"), [(0.25, 12), (0.75, 12), (0.9, 34)])
def test_too_few_values_on_one_side_leave_no_interval(q, n):
    # Even the outermost value does not lie outside surely enough: .75^12 = 3.2 % and .9^34 = 2.8 %, not 2.5 %
    wait = Quantile(**_declared("wait"), columns=("rank",), value=nw.col("rank"), q=q)
    result, more = wait(range(n)), wait(range(2 * n))
    assert np.isnan([result.low, result.high]).all()
    assert (result.method, result.warning) == ("", "few_values")
    assert 0 <= more.low < more.value < more.high < 2 * n


def test_a_median_of_five_values_has_no_interval():
    # The widest interval, least to greatest, covers 1 - 2/2**5 = 93.75 %; of six values, 96.9 %
    five, six = handling_hours([1, 2, 3, 4, 5]), handling_hours([1, 2, 3, 4, 5, 6])
    assert (five.warning, five.method, math.isnan(five.low)) == ("few_values", "", True)
    assert (six.low * 60, six.high * 60, six.warning) == (1, 6, "")


def test_a_total_adds_up_and_claims_no_interval(on_engine):
    total = Total(**_declared("clicks_total"), columns=("clicks",), value=nw.col("clicks"), least=0)
    result = rows(measure(on_engine(MAILINGS), total, by="channel"))
    assert [(row["channel"], row["value"], row["n"]) for row in result] == [("app", 1, 2), ("mail", 34, 4)]
    for row in result:
        assert math.isnan(row["low"])
        assert math.isnan(row["high"])
        assert math.isnan(row["denominator"])
        assert row["method"] == row["warning"] == row["reason"] == ""
    with pytest.raises(DataError, match="clicks -1"):
        total([3, -1])


def test_a_column_that_none_of_any_needs_may_be_absent():
    some = pl.DataFrame({"reach": [100, 50], "likes": [3, 4]})
    others = {name: pl.lit(None) for name in ("comments", "shares", "saves", "clicks")}
    result = reach_engagement_rate(some)
    assert result == reach_engagement_rate(some.with_columns(**others))
    assert (result.numerator, result.denominator) == (7, 150)


def test_a_column_that_is_there_twice_is_named():
    frame = pd.DataFrame([[1, 2, 3]], columns=["opens", "opens", "delivered"])
    with pytest.raises(DataError, match="opens: is there twice"):
        measure(frame, open_rate)


def test_a_group_column_that_is_absent_is_named_with_the_nearest(on_engine):
    with pytest.raises(DataError, match="campagn: is not a column. Did you mean campaign?"):
        measure(on_engine(MAILINGS), open_rate, by="campagn")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metrics": []}, "metrics: name at least one"),
        ({"metrics": [open_rate, click_rate, open_rate]}, "metrics: open_rate is there twice"),
        ({"metrics": open_rate, "every": "1mo"}, "at: name the column"),
        ({"metrics": open_rate, "as_of": "2026-01-01"}, "at: name the column"),
        ({"metrics": open_rate, "every": "month", "at": "campaign"}, "every: 'month' is none of 1d, 1w, 1mo, 1q, 1y"),
        ({"metrics": open_rate, "confidence": 95}, "confidence: 95 is not between 0 and 1"),
        ({"metrics": handling_hours, "confidence": 1}, "confidence: 1 is not between 0 and 1"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        measure(MAILINGS, **arguments)


def test_groups_of_a_column_that_the_result_has_too_go_by_another_name(on_engine):
    tickets = pl.DataFrame({"ticket_id": ["1", "2", "3"], "reason": ["late", "broken", "late"], "n": [1, 1, 2]})
    result = rows(measure(on_engine(tickets), tickets_opened, by=["reason", "n"]))
    assert [(row["by_reason"], row["by_n"], row["value"]) for row in result] == [
        ("broken", 1, 1),
        ("late", 1, 1),
        ("late", 2, 1),
    ]
    assert {row["reason"] for row in result} == {""}


def test_words_where_numbers_are_needed_are_refused(on_engine):
    frame = on_engine(MAILINGS.with_columns(opens=pl.lit("twenty")))
    with pytest.raises(DataError, match="opens: open_rate needs numbers, and this is text"):
        open_rate(frame)


def test_true_and_false_are_no_scores(on_engine):
    with pytest.raises(DataError, match="score: net_promoter_score needs scores, and this is true or false"):
        net_promoter_score([True, False])
    answers = on_engine(pl.DataFrame({"score": [True, False], "kind": "csat", "customer_id": ["a", "b"]}))
    for metric in ("satisfaction_mean", "engagement_score", "ticket_satisfaction_rate"):
        with pytest.raises(DataError, match=f"score: {metric} needs scores"):
            METRICS[metric](answers)


def test_numbers_where_words_are_needed_are_refused(on_engine):
    scores = on_engine(pl.DataFrame({"segment": [0, 2], "customer_id": ["a", "b"]}))
    with pytest.raises(DataError, match="segment: at_risk_rate needs text, and this is Int64. Write out"):
        METRICS["at_risk_rate"](scores)
    answers = on_engine(pl.DataFrame({"kind": [1], "score": [9]}))
    with pytest.raises(DataError, match="kind: net_promoter_score needs text, and this is Int64"):
        net_promoter_score(answers)


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Float64, pl.String])
def test_a_frame_without_rows_has_no_value_whatever_its_types(dtype, on_engine):
    for name in ("at_risk_rate", "net_promoter_score", "open_rate", "page_views", "handling_hours", "order_value"):
        metric = METRICS[name]
        empty = pl.DataFrame(schema=dict.fromkeys(metric.needed([]), dtype))
        estimate = metric(on_engine(empty))
        assert math.isnan(estimate.value)
        assert (estimate.reason, estimate.n) == ("no_rows", 0)


def test_a_frame_of_pandas_without_rows_has_no_value():
    for metric in METRICS.values():
        assert metric(pd.DataFrame(columns=list(dict.fromkeys(metric.needed([]))))).reason == "no_rows"


def test_a_row_whose_arithmetic_is_undefined_does_not_count(on_engine):
    """Infinity less infinity is no number, and neither is 0/0 where the engine does not make it null."""
    frame = on_engine(pl.DataFrame({"x": [1.0, INF, 6.0], "y": [2.0, INF, 2.0]}))
    result = ratio("differences", "x", "y", numerator=nw.col("x") - nw.col("y"), denominator=None)(frame)
    assert (result.value, result.n) == (1.5, 2)


def test_a_unit_can_count_once_however_many_rows_it_has(on_engine):
    frame = on_engine(pl.DataFrame({"customer_id": ["a", "a", "b"], "x": [1.0, 4.0, 1.0], "y": [1.0, 3.0, 1.0]}))
    plain = ratio("plain", "x", "y", cluster="customer_id")
    once = ratio("once", "x", "y", cluster="customer_id", once="y")
    both = ratio("both", "x", "y", cluster="customer_id", once="xy")
    each = ratio("each", "x", cluster="customer_id", once="y")
    result = {
        row["metric"]: (row["numerator"], row["denominator"]) for row in rows(measure(frame, [plain, once, both, each]))
    }
    assert result == {"plain": (6, 5), "once": (6, 4), "both": (5, 4), "each": (6, 2)}


@pytest.mark.parametrize("frame", [3, None, {"opens": [1]}])
def test_what_is_not_a_frame_is_refused(frame):
    with pytest.raises(TypeError):
        measure(frame, open_rate)


def test_naming_a_group_column_twice_changes_nothing():
    same(measure(MAILINGS, RATES, by=["campaign", "campaign"]), measure(MAILINGS, RATES, by="campaign"))


def test_a_categorical_group_keeps_its_type():
    frame = MAILINGS.to_pandas().astype({"campaign": "category"})
    result = measure(frame, [open_rate, click_rate], by="campaign")
    assert isinstance(result["campaign"].dtype, pd.CategoricalDtype)
    assert result["numerator"].tolist() == [27, 150, 50, 0, 30, 5]


def test_ten_metrics_read_the_rows_once():
    names = [f"x{number}" for number in range(10)]
    frame = pl.DataFrame({name: [1.0, 2.0, 4.0] for name in [*names, "unused"]} | {"team": ["a", "b", "a"]})
    scans = []

    def source(with_columns, predicate, n_rows, batch_size):
        scans.append(with_columns)
        yield frame.select(with_columns or frame.columns)

    scanned = register_io_source(source, schema=frame.schema)
    result = measure(scanned, [ratio(f"mean_{name}", name) for name in names], by="team")
    assert [sorted(columns) for columns in scans] == [["team", *names]]
    assert result["value"].to_list() == [2.5, 2.0] * 10


def test_units_of_three_kinds_read_only_their_own_columns():
    frame = CUSTOMERS.with_columns(opens=pl.lit(1), delivered=pl.lit(2), work_minutes=pl.lit(3), unused=pl.lit(4))
    scans = []

    def source(with_columns, predicate, n_rows, batch_size):
        scans.append(sorted(with_columns))
        yield frame.select(with_columns)

    measure(
        register_io_source(source, schema=frame.schema), [open_rate, order_value, handling_hours, ratio("o", "opens")]
    )
    assert sorted(scans) == [
        ["customer_id", "lines", "value"],
        ["customer_id", "lines", "value"],
        ["delivered", "opens"],
        ["work_minutes"],
    ]


def test_a_plain_list_becomes_a_frame_of_units():
    made = framed([1.0, 2.0], session_duration_s)
    assert made.to_dict(as_series=False) == {"customer_id": [0, 1], "duration_s": [1.0, 2.0]}
    assert framed([9], net_promoter_score).to_dict(as_series=False) == {"score": [9], "kind": ["nps"]}


def _declared(name):
    return {"name": name, "channel": "test", "table": "test", "unit": "ticket", "measured_in": "count"}


@pytest.mark.parametrize(
    ("name", "columns", "message"),
    [
        ("return_on_ad_spend", {"revenue": [INF, -INF, 5.0], "spend": [1.0] * 3}, "revenue -inf"),
        ("churn_rate", {"churned": [1, 0], "in_base": [20, 30]}, "in_base 20"),
        ("reopen_rate", {"reopened": [-1, 0], "solved_at": [1, 2]}, "reopened -1"),
        ("human_open_rate", {"opens": [40], "machine_opens": [-10], "delivered": [100]}, "machine_opens -10"),
        ("human_open_rate", {"opens": [150], "machine_opens": [60], "delivered": [100]}, "opens 150"),
        ("visits_per_customer", {"customer_id": ["a", "b"], "events": [-1, 2]}, "events -1"),
        ("single_page_rate", {"customer_id": ["a", "b"], "views": [-1, 1]}, "views -1"),
        ("mean_post_engagement_rate", {"reach": [-10, 5], "likes": [1, 1]}, "reach -10"),
        ("stickiness", {"customer_id": ["a"], "active_days": [-3], "days": [-31]}, "active_days -3"),
        ("refunded_order_rate", {"lines": [1], "refunded": [-5.0]}, "refunded -5"),
        ("net_revenue_retention", {"opening_value": [-10.0], "closing_value": [1.0], "in_base": [1]}, "value -10"),
    ],
)  # fmt: skip
def test_an_impossible_part_of_a_row_is_named_though_the_row_would_pass(name, columns, message, on_engine):
    with pytest.raises(DataError, match=f"{name}: rows that cannot be true.*{message}"):
        METRICS[name](on_engine(pl.DataFrame(columns)))


def test_counts_without_a_sign_do_not_wrap_round(on_engine):
    names = ("opens", "machine_opens", "delivered")
    kind = pl.Int16 if on_engine.__name__ == "_to_spark" else pl.UInt8  # Spark has none without a sign
    frame = pl.DataFrame({"opens": [10], "machine_opens": [20], "delivered": [250]}, dict.fromkeys(names, kind))
    with pytest.raises(DataError, match="machine_opens 20"):
        METRICS["human_open_rate"](on_engine(frame))


def test_rows_without_a_customer_are_not_one_customer(on_engine):
    frame = pl.DataFrame({"customer_id": ["a", "b", None, None, None], "lines": [1, 2, 1, 1, 1]})
    result = METRICS["orders_per_customer"](on_engine(frame))
    assert (result.value, result.n, result.units) == (1, 2, 2)


@pytest.mark.parametrize("name", ["conversion_rate", "churn_rate"])
def test_words_for_flags_are_refused_in_prepared_tables_too(name, on_engine):
    frame = pl.DataFrame({"customer_id": ["a"], "converted": ["True"], "churned": ["no"], "in_base": ["yes"]})
    with pytest.raises(DataError, match=f"{name} needs numbers, and this is text"):
        METRICS[name](on_engine(frame))


def test_a_hundred_customers_who_never_bounce_are_a_hundred_trials_and_not_five_thousand():
    visits = pl.DataFrame({"customer_id": [str(n // 50) for n in range(5000)], "engaged": [True] * 5000})
    result = METRICS["bounce_rate"](visits)
    assert (result.low, result.high) == pytest.approx(tuple(map(float, wilson_interval(0, 100))))
    assert (result.units, result.method) == (100, "effective_wilson")


def test_units_that_are_all_the_same_have_no_interval():
    result = METRICS["satisfaction_mean"]([5, 5])
    assert (result.value, result.method, result.warning) == (5, "", "no_spread")
    assert math.isnan(result.low)


def test_an_interval_of_a_few_units_says_so():
    result = return_on_ad_spend(pl.DataFrame({"revenue": [5, 9], "spend": [2, 3]}))
    assert result.warning == "few_units"


def test_a_clustered_metric_of_ones_own_needs_no_bound(on_engine):
    frame = pl.DataFrame({"customer_id": ["a", "a", "b"], "x": [1.0, 2.0, 3.0]})
    assert ratio("own", "x", cluster="customer_id")(on_engine(frame)).value == 2
