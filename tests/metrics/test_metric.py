import math

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from engagekit import DataError, Estimate, measure
from engagekit.metrics import (
    churn_rate,
    handling_hours,
    net_promoter_score,
    open_rate,
    order_value,
    page_views,
    reach_engagement_rate,
    return_on_ad_spend,
    revenue_per_customer,
    satisfaction_mean,
    satisfaction_rate,
    session_duration_s,
)
from engagekit.metrics.metric import Metric, Ratio, Total
from engagekit.metrics.quantile import Quantile, quantile_interval

ANSWERS = [10, 9, 9, 8, 3]  # three promoters and one detractor of five: 40 points


@pytest.mark.parametrize(
    "answers",
    [
        ANSWERS,
        tuple(ANSWERS),
        np.array(ANSWERS),
        np.array(ANSWERS, np.uint8),
        np.array(ANSWERS, float),
        pd.Series(ANSWERS, index=range(5, 10)),
        pd.Series(ANSWERS, dtype="Int64"),
        pl.Series("whatever", ANSWERS),
    ],
    ids=lambda answers: f"{type(answers).__module__}.{type(answers).__name__}.{getattr(answers, 'dtype', '')}",
)
def test_a_metric_takes_plain_values(answers):
    estimate = net_promoter_score(answers)
    assert isinstance(estimate, Estimate)
    assert (estimate.value, estimate.numerator, estimate.denominator, estimate.n) == (40, 2, 5, 5)


@pytest.mark.parametrize(
    "answers",
    [
        [*ANSWERS, None],
        [*ANSWERS, math.nan],
        np.array([*ANSWERS, np.nan]),
        pd.Series([*ANSWERS, None]),
        pd.Series([*ANSWERS, pd.NA], dtype="Int64"),
        pl.Series([*ANSWERS, None]),
    ],
    ids=str,
)
def test_a_missing_value_in_plain_values_does_not_count(answers):
    assert net_promoter_score(answers) == net_promoter_score(ANSWERS)


@pytest.mark.parametrize("nothing", [[], (), [None], np.array([]), pd.Series([], dtype=float), pl.Series([])], ids=repr)
def test_no_values_are_undefined(nothing):
    for metric in (net_promoter_score, session_duration_s, handling_hours):
        estimate = metric(nothing)
        assert math.isnan(estimate.value)
        assert estimate.reason == "no_rows"


def test_plain_values_are_units_of_their_own():
    estimate = session_duration_s([10, 20, 30])
    assert (estimate.value, estimate.units) == (20, 3)


def test_plain_values_of_the_column_that_picks_rows_are_still_picked():
    assert page_views(["view", "purchase", "view", None]).value == 2


@pytest.mark.parametrize(
    ("metric", "columns"),
    [
        (open_rate, "opens, delivered"),
        (churn_rate, "churned, in_base"),
        (reach_engagement_rate, "reach, likes, comments, shares, saves, clicks"),
    ],
)
def test_plain_values_are_not_enough_for_two_columns(metric, columns):
    with pytest.raises(TypeError, match=f"{metric.name}: a list of values is not enough. Give a frame with {columns}"):
        metric([1, 2, 3])


@pytest.mark.parametrize("data", [{"score": [10]}, 10, None, "10"])
def test_neither_values_nor_a_frame_is_refused(data):
    with pytest.raises(TypeError):
        net_promoter_score(data)


def test_by_or_every_gives_a_frame_and_neither_an_estimate():
    frame = pl.DataFrame({"score": ANSWERS, "kind": ["nps"] * 5, "branch": list("aabbb")})
    assert isinstance(net_promoter_score(frame), Estimate)
    assert net_promoter_score(frame, by="branch")["value"].to_list() == [100, 0]
    assert net_promoter_score(frame.to_pandas(), by="branch")["value"].tolist() == [100, 0]


def test_confidence_is_passed_on():
    wide, usual = net_promoter_score(ANSWERS, confidence=0.99), net_promoter_score(ANSWERS)
    assert wide.high - wide.low > usual.high - usual.low


def test_a_ratio_of_the_analysts_own_works_like_any_other(on_engine):
    basket = Ratio(
        name="items_per_basket",
        channel="shop",
        table="baskets",
        columns=("items", "baskets"),
        numerator=nw.col("items"),
        denominator=nw.col("baskets"),
        least=1,
        unit="customer",
        cluster="who",
        measured_in="ratio",
    )
    frame = on_engine(pl.DataFrame({"who": ["a", "b", "a"], "items": [5, 8, 1], "baskets": [2, 4, 1]}))
    estimate = basket(frame)
    assert (estimate.value, estimate.units) == (2, 2)
    assert repr(basket) == "<Ratio items_per_basket: items, baskets of baskets>"


def test_adjusted_wald_follows_the_scale():
    points, fraction = (
        Ratio(
            name="balance",
            channel="x",
            table="x",
            columns=("vote",),
            numerator=nw.col("vote"),
            least=-1,
            most=1,
            method="adjusted_wald",
            scale=scale,
            unit="answer",
            measured_in="points",
        )([1, 1, 0, -1])
        for scale in (100, 1)
    )
    assert (points.value, points.low, points.high) == pytest.approx(
        [100 * n for n in (fraction.value, fraction.low, fraction.high)]
    )
    assert fraction.value == 0.25


def test_a_metric_without_terms_cannot_be_made():
    with pytest.raises(NotImplementedError):
        Metric(name="bare", channel="x", table="x", columns=("a",), unit="answer", measured_in="count")


def test_a_metric_of_ones_own_needs_a_name_and_columns():
    """(30 + 10) / (100 + 300); a rate, because it is bounded, whose rows are its units."""
    read_rate = Ratio("read_rate", numerator="reads", denominator="delivered", bounded=True)
    frame = pd.DataFrame({"reads": [30, 10], "delivered": [100, 300]})
    assert (read_rate(frame).value, read_rate(frame).units) == (0.1, 2)
    assert (read_rate.columns, read_rate.unit, read_rate.measured_in) == (("reads", "delivered"), "row", "rate")
    assert repr(read_rate) == "<Ratio read_rate: reads, delivered>"


def test_what_a_metric_does_not_say_follows_from_what_it_says():
    baskets = Ratio("baskets", numerator="items", cluster="customer_id")
    assert (baskets.columns, baskets.unit, baskets.measured_in) == (("items",), "customer", "ratio")
    assert Total("visitors", value="visitors").measured_in == "count"
    assert Quantile("wait", value="minutes", measured_in="hours").columns == ("minutes",)


def test_columns_of_an_expression_must_be_named():
    with pytest.raises(ValueError, match=r"^hours: name the columns of its expressions, such as columns="):
        Ratio("hours", numerator=nw.col("minutes") / 60)


def test_answers_without_a_kind_are_all_of_the_kind_that_is_asked_for(on_engine):
    frame = pl.DataFrame({"score": ANSWERS, "branch": list("aabbb")})
    assert net_promoter_score(on_engine(frame)) == net_promoter_score(ANSWERS)
    with pytest.raises(DataError, match="^score: is not a column"):
        net_promoter_score(on_engine(frame.drop("score")))
    with pytest.raises(DataError, match="^kind: is not a column"):
        measure(on_engine(frame), [net_promoter_score, satisfaction_rate])


def test_a_metric_does_not_change():
    with pytest.raises(AttributeError):
        open_rate.name = "other"  # type: ignore[misc]


# Values that are only known to be more than a bound

REMISSION = {  # weeks of leukaemia patients, 6-MP against placebo; Freireich et al. (1963), Blood 21(6); 0 is censored
    "treated": (
        [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
        [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
    ),
    "placebo": ([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [1] * 21),
}


def waited(q=0.5, **options):
    """Quantile of hours, of which it is known whether they are over."""
    return Quantile(
        name="waited",
        channel="x",
        table="x",
        columns=("hours", "over"),
        value=nw.col("hours"),
        observed=nw.col("over"),
        q=q,
        least=0,
        unit="ticket",
        measured_in="hours",
        **options,
    )


def of(hours, over, q=0.5):
    return waited(q)(pl.DataFrame({"hours": [float(number) for number in hours], "over": list(over)}))


def survived(hours, over):
    """The curve of Kaplan and Meier by a loop over its steps: times, shares, and Greenwood's sums."""
    times, shares, sums = sorted({time for time, ended in zip(hours, over, strict=True) if ended}), [], []
    share, total = 1.0, 0.0
    for time in times:
        waiting = sum(number >= time for number in hours)
        ended = sum(number == time and bool(done) for number, done in zip(hours, over, strict=True))
        share *= 1 - ended / waiting
        total += ended / (waiting * (waiting - ended)) if waiting > ended else math.inf
        shares.append(share)
        sums.append(total)
    return times, shares, sums


def band(share, total):
    """Log-log band of a point of the curve, at 95 %."""
    half = 1.959964 * math.sqrt(total) / abs(math.log(share))
    return share ** math.exp(half), share ** math.exp(-half)


def crossing(hours, over, q=0.5):
    """Where the curve and its band first come down to 1 - q; NaN where they do not."""
    times, shares, sums = survived(hours, over)
    points = [(time, *band(share, total)) for time, share, total in zip(times, shares, sums, strict=True) if share > 0]
    low, high = (next((time for time, *bounds in points if bounds[side] <= 1 - q), math.nan) for side in (0, 1))
    return next((time for time, share in zip(times, shares, strict=True) if share < 1 - q), math.nan), low, high


def test_a_median_of_waits_by_hand():
    """Over after 1, 2 and 4 hours; after 3 and 6 it was not over yet.

    hours  waiting  over  share still waiting after them
    1      5        1     4/5             = 0.8
    2      4        1     4/5 · 3/4       = 0.6
    4      2        1     4/5 · 3/4 · 1/2 = 0.3
    """
    hours, over = [1, 2, 3, 4, 6], [True, True, False, True, False]
    assert survived(hours, over)[1] == pytest.approx([0.8, 0.6, 0.3])
    assert [of(hours, over, q).value for q in (0.1, 0.3, 0.5, 0.69)] == [1, 2, 4, 4]
    assert of(hours, over, 0.71).reason == "not_reached"


def test_a_median_is_half_way_where_half_are_left_until_the_next():
    """After 2 hours 2/4 are left until the one at 5; the one that left at 3 unanswered does not move the curve."""
    assert of([1, 2, 3, 5], [1, 1, 0, 1]).value == 3.5
    assert of([1, 2, 3, 4], [1, 1, 0, 0]).value == 2  # half are left, and nobody is known to have got less


@pytest.mark.parametrize("n", range(1, 12))
def test_without_censoring_a_median_is_the_usual_one(n):
    hours = np.random.default_rng(n).exponential(8, n)
    estimate = of(hours, [True] * n)
    assert estimate.value == pytest.approx(np.median(hours))
    assert "censored" not in estimate.warning


def test_the_published_medians_of_remission():
    """The curve of the treated: 18/21 = .857, .807, .753, .690, .627, .538, .448; it passes a half at 23 weeks."""
    times, shares, _ = survived(*REMISSION["treated"])
    assert times == [6, 7, 10, 13, 16, 22, 23]
    assert shares == pytest.approx([0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], abs=5e-4)
    assert (of(*REMISSION["treated"]).value, of(*REMISSION["placebo"]).value) == (23, 8)
    estimate = of(*REMISSION["placebo"])
    assert (estimate.low, estimate.high, estimate.method, estimate.warning) == (4, 11, "kaplan_meier", "")


def test_a_bound_is_not_given_where_the_band_does_not_come_down():
    """Of the treated .448 are left at the end, and the band around it reaches to .68."""
    hours, over = REMISSION["treated"]
    _, shares, sums = survived(hours, over)
    assert band(shares[-1], sums[-1])[1] == pytest.approx(0.68, abs=5e-3)
    assert crossing(hours, over)[1] == 13
    estimate = of(hours, over)
    assert np.isnan([estimate.low, estimate.high]).all()
    assert (estimate.method, estimate.warning) == ("", "censored few_values")


def test_a_curve_at_its_end_has_no_band_to_come_down():
    """The last of four is over, and nobody is left; the band of the three points before it stays above a half."""
    assert of([1, 2, 3, 4], [1] * 4).warning == "few_values"


@pytest.mark.parametrize("q", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(5))
def test_random_waits_equal_statsmodels_and_a_loop(q, seed):
    random = np.random.default_rng(seed)
    times, leaving = random.exponential(10, (2, 300)) * [[1], [4]]
    hours, over = np.minimum(times, leaving), times <= leaving
    estimate = of(hours, over, q)
    assert estimate.warning == "censored"
    curve = SurvfuncRight(hours, over)
    with np.errstate(all="ignore"):  # where the curve comes down to 0
        expected = (curve.quantile(q), *curve.quantile_ci(q, method="cloglog"))
    assert (estimate.value, estimate.low, estimate.high) == expected
    assert (estimate.value, estimate.low, estimate.high) == crossing(hours, over, q)


def test_what_is_not_reached_says_so():
    estimate = of([1, 5, 5, 5], [1, 0, 0, 0])  # three of four still wait
    assert (estimate.reason, estimate.n, estimate.warning) == ("not_reached", 4, "censored few_values")
    assert math.isnan(estimate.value)
    assert of([1, 5, 5, 5], [1, 0, 0, 0], q=0.2).value == 1


def test_nothing_over_yet_is_not_reached():
    estimate = of([1, 2, 3], [False] * 3)
    assert (estimate.reason, estimate.n, estimate.method) == ("not_reached", 3, "")


def test_dropping_what_is_not_over_would_be_too_low():
    """Of ten tickets the quick five are answered after 1 to 5 hours, and five wait for 6."""
    hours, over = [1, 2, 3, 4, 5, 6, 6, 6, 6, 6], [True] * 5 + [False] * 5
    assert np.median(hours[:5]) == 3
    assert of(hours, over).value == 5


@pytest.mark.parametrize(
    ("hours", "over", "low", "high"),
    [
        ([1] * 900 + [2] * 100, [True] * 1000, 1, 1),  # after one hour a tenth is left
        ([1] * 800 + [2] * 200, [True] * 900 + [False] * 100, 1, 1),  # a fifth
        ([1] * 260 + [2] * 240, [True] * 500, 1, 2),  # 48 %, and nobody after two
    ],
)
def test_hundreds_of_waits_with_ties_are_not_too_few(hours, over, low, high):
    estimate = of(hours, over)
    assert estimate.value == 1
    assert "few_values" not in estimate.warning
    assert (estimate.low, estimate.high) == (low, high)


# Where a few units carry most of it


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        (list(range(50, 249)), "uneven_money"),  # 199: nobody knows yet how heavy the tail is
        (list(range(50, 250)), ""),
        ([1.0] * 299 + [10_000.0], "uneven_money"),
        ([1.0] * 300, "no_spread"),
        ([0.0, 100.0], "few_units"),
        ([5.0, 5.0, 7.0, 9.0, 500.0], "few_units"),
    ],
)
def test_money_warns_below_200_units_and_where_its_tail_is_heavy(values, warning):
    """Heavy: the skewness is above 0.3 √units, as of one who spends what all others do together."""
    frame = pl.DataFrame({"customer_id": [str(number) for number in range(len(values))], "value": values, "lines": 1})
    assert revenue_per_customer(frame).warning == warning
    assert order_value(frame).warning == warning


def test_orders_of_one_customer_are_one_unit_of_money():
    values = [10.0, 11.0] * 104
    frame = pl.DataFrame({"customer_id": ["whale"] * 200 + list("abcdefgh"), "value": values, "lines": 1})
    assert order_value(frame).warning == "uneven_money"
    assert order_value(frame.with_columns(customer_id=pl.int_range(pl.len()).cast(pl.String))).warning == ""


def test_a_campaign_that_brought_nearly_everything_warns():
    campaigns = pl.DataFrame({"revenue": [1e6, 10, 20, 30, 25, 15], "spend": [100] * 6})
    estimate = return_on_ad_spend(campaigns)
    assert estimate.warning == "few_carry_it"
    assert estimate.method == "delta"
    assert return_on_ad_spend(campaigns.with_columns(revenue=pl.Series([40.0, 10, 20, 30, 25, 15]))).warning == ""


def test_answers_on_a_scale_cannot_lie_far_out_of_it():
    assert satisfaction_mean([5] * 30 + [1]).warning == ""
    assert satisfaction_mean([5, 5, 4, 3, 1]).warning == "few_units"
    assert satisfaction_mean([5, 5, 4, 3, 1, 2]).warning == ""


def test_one_unit_says_so_and_no_more():
    assert return_on_ad_spend(pl.DataFrame({"revenue": [1e6], "spend": [100]})).warning == "one_unit"


def test_a_rate_warns_where_fewer_than_two_of_many_make_it_up():
    """Its interval follows the units' sizes, so that a few large ones alone are no reason."""
    few = open_rate(pl.DataFrame({"opens": [200, 4, 5, 3], "delivered": [1000, 20, 30, 10]}))
    assert (few.warning, few.method) == ("machine_opens", "effective_wilson")
    carried = {"opens": [50, *[0] * 98, 1], "delivered": [100] * 100}
    assert open_rate(pl.DataFrame(carried)).warning == "machine_opens few_carry_it"
    all_but_one = {"opens": [0, *[100] * 99], "delivered": [100] * 100}
    assert open_rate(pl.DataFrame(all_but_one)).warning == "machine_opens few_carry_it"


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("confidence", [0.05, 0.5, 0.95])
def test_an_interval_of_a_quantile_holds_its_value(q, confidence):
    for n in range(1, 60):
        value, low, high = quantile_interval(np.arange(float(n)), q, confidence)
        assert math.isnan(low) or low <= value <= high
