"""Arms compared: held to statsmodels, SciPy and arithmetic on raw rows, on every engine, with data that are wrong."""

import math

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
import tea_tasting
from scipy.stats import binomtest, chisquare, fisher_exact, norm, t, ttest_ind
from statsmodels.api import OLS
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from engagekit import Ratio
from engagekit.decisions.balance import imbalance
from engagekit.decisions.experiment import experiment
from engagekit.decisions.sentences import change_in_words
from engagekit.errors import DataError
from engagekit.language import Language
from engagekit.metrics import order_value, satisfaction_rate

RNG = np.random.default_rng(7)
N = 600
ARMS = ["control", "blue", "green"]
FRAME = pl.DataFrame(
    {
        "arm": RNG.choice(ARMS, N),
        "bought": RNG.random(N) < 0.2,
        "spent": RNG.gamma(2, 20, N),
        "past": RNG.gamma(2, 20, N),
        "visits": RNG.integers(1, 9, N),
    }
).with_columns(spent=pl.col("spent") + pl.col("past"), orders=pl.col("visits") * RNG.random(N))
TWO = FRAME.filter(pl.col("arm") != "green")


def only(frame, metric, **options):
    """The one comparison of a frame with two arms."""
    (row,) = experiment(frame, metrics=metric, **options).comparisons.to_dict("records")
    return row


def by_arm(frame, column, arm="blue"):
    return frame.filter(pl.col("arm") == arm)[column].to_numpy()


def flags(control, treated):
    """Frame of customers: (converted, all) of two arms."""
    rows = [
        (arm, done)
        for arm, (x, n) in (("control", control), ("new", treated))
        for done in [True] * x + [False] * (n - x)
    ]
    return pl.DataFrame(rows, schema={"arm": pl.String, "bought": pl.Boolean}, orient="row")


@pytest.mark.parametrize(("control", "treated"), [((56, 70), (48, 80)), ((9, 100), (31, 110)), ((5, 56), (0, 29))])
def test_proportions_have_newcombes_interval_and_the_pooled_z_test_as_in_statsmodels(control, treated):
    row = only(flags(control, treated), "bought")
    low, high = confint_proportions_2indep(*treated, *control, method="newcomb", compare="diff")
    assert (row["low"], row["high"]) == pytest.approx((low, high))
    x, n = zip(control, treated, strict=True)
    few = min(n) * sum(x) / sum(n) < 5
    p = fisher_exact([x, np.subtract(n, x)]).pvalue if few else proportions_ztest(x, n)[1]
    assert row["p_value"] == pytest.approx(p)


def test_means_have_welchs_test_and_interval_as_in_scipy():
    row, samples = only(TWO, "spent"), [by_arm(TWO, "spent", arm) for arm in ("blue", "control")]
    made = ttest_ind(*samples, equal_var=False)
    low, high = made.confidence_interval()
    assert (row["difference"], row["p_value"]) == pytest.approx((samples[0].mean() - samples[1].mean(), made.pvalue))
    assert (row["low"], row["high"]) == pytest.approx((low, high))


def linearised(frame, x, y, arm):
    """Ratio of an arm as a mean of its customers, by the delta method."""
    x, y = by_arm(frame, x, arm), by_arm(frame, y, arm)
    ratio = x.sum() / y.sum()
    return ratio + (x - ratio * y) / y.mean()


def test_a_ratio_of_sums_is_welchs_test_of_its_linearised_customers():
    row = only(TWO, Ratio("orders_per_visit", numerator="orders", denominator="visits"))
    samples = [linearised(TWO, "orders", "visits", arm) for arm in ("blue", "control")]
    made = ttest_ind(*samples, equal_var=False)
    assert row["value"] == pytest.approx(by_arm(TWO, "orders").sum() / by_arm(TWO, "visits").sum())
    assert (row["difference"], row["p_value"]) == pytest.approx((samples[0].mean() - samples[1].mean(), made.pvalue))
    assert (row["low"], row["high"]) == pytest.approx(tuple(made.confidence_interval()))


def test_a_covariate_is_taken_off_each_customer_with_the_slope_of_the_pair():
    x, c = TWO["spent"].to_numpy(), TWO["past"].to_numpy()
    slope = np.cov(x, c)[0, 1] / c.var(ddof=1)
    rest = TWO.with_columns(rest=pl.Series(x - slope * (c - c.mean())))
    samples = [by_arm(rest, "rest", arm) for arm in ("blue", "control")]
    made, row = ttest_ind(*samples, equal_var=False), only(TWO, "spent", before="past")
    assert (row["difference"], row["p_value"]) == pytest.approx((samples[0].mean() - samples[1].mean(), made.pvalue))
    assert (row["low"], row["high"]) == pytest.approx(tuple(made.confidence_interval()))
    assert row["value"] == pytest.approx(by_arm(TWO, "spent", "control").mean() + row["difference"])
    squared = [
        sum(by_arm(rest, name, arm).var(ddof=1) / len(by_arm(rest, name, arm)) for arm in ("blue", "control"))
        for name in ("rest", "spent")
    ]
    assert row["variance_ratio"] == pytest.approx(squared[0] / squared[1])


def test_a_covariate_shrinks_the_variance_by_the_square_of_its_correlation_as_a_regression_does():
    plain, adjusted = only(TWO, "spent"), only(TWO, "spent", before="past")
    within = TWO.with_columns(pl.col("spent", "past") - pl.col("spent", "past").mean().over("arm"))
    rho = within.select(pl.corr("spent", "past")).item()
    assert adjusted["variance_ratio"] == pytest.approx(1 - rho**2, rel=0.02)
    assert adjusted["high"] - adjusted["low"] < 0.8 * (plain["high"] - plain["low"])
    terms = np.column_stack([np.ones(len(TWO)), TWO["arm"] == "blue", TWO["past"]])
    made = OLS(TWO["spent"].to_numpy(), terms).fit()
    assert adjusted["difference"] == pytest.approx(made.params[1], abs=0.02 * (plain["high"] - plain["low"]))
    assert adjusted["p_value"] == pytest.approx(made.pvalues[1], abs=0.01)


def test_a_missing_covariate_counts_as_the_average_of_the_known_ones():
    holes = TWO.with_columns(pl.when(pl.int_range(pl.len()) % 3 > 0).then("past").alias("past"))
    filled = holes.with_columns(pl.col("past").fill_null(pl.col("past").mean()))
    assert only(holes, "spent", before="past") == pytest.approx(only(filled, "spent", before="past"))
    blank = only(TWO.with_columns(past=pl.lit(None, pl.Float64)), "spent", before={"spent": "past"})
    assert blank["variance_ratio"] == 1
    assert blank["low"] == pytest.approx(only(TWO, "spent")["low"])


def test_a_covariate_that_does_not_vary_changes_nothing():
    row = only(TWO.with_columns(past=pl.lit(5.0)), "spent", before="past")
    assert (row["low"], row["high"]) == pytest.approx(tuple(only(TWO, "spent")[name] for name in ("low", "high")))


def test_the_relative_interval_of_means_is_that_of_the_logarithm_of_their_ratio():
    row, samples = only(TWO, "spent"), [by_arm(TWO, "spent", arm) for arm in ("control", "blue")]
    squared = [each.var(ddof=1) / len(each) / each.mean() ** 2 for each in samples]
    freedom = sum(squared) ** 2 / sum(v**2 / (len(each) - 1) for v, each in zip(squared, samples, strict=True))
    ratio, half = samples[1].mean() / samples[0].mean(), t.ppf(0.975, freedom) * math.sqrt(sum(squared))
    expected = (ratio - 1, ratio * math.exp(-half) - 1, ratio * math.exp(half) - 1)
    assert tuple(row[name] for name in ("relative", "relative_low", "relative_high")) == pytest.approx(expected)


def test_equal_means_have_an_interval_at_any_time_and_what_a_covariate_saves():
    frame = pl.DataFrame(
        {"arm": ["control", "new"] * 4, "x": [1.0, 1, 2, 2, 3, 3, 5, 5], "past": [1.0, 1, 2, 2, 3, 3, 4, 4]}
    )
    row = only(frame, "x", before="past")
    assert row["difference"] == 0
    assert row["always_low"] < row["low"] < 0 < row["high"] < row["always_high"]
    assert row["variance_ratio"] == pytest.approx(1 - 6.5**2 / (8.75 * 5))  # Σ(x−x̄)(c−c̄) 6.5, Σ(x−x̄)² 8.75, Σ(c−c̄)² 5


def test_the_global_settings_of_tea_tasting_change_nothing():
    expected = experiment(TWO, metrics="spent", before="past")
    others = {"alternative": "less", "confidence_level": 0.5, "equal_var": True, "use_t": False, "correction": False}
    with tea_tasting.config_context(**others):
        made = experiment(TWO, metrics="spent", before="past")
    pd.testing.assert_frame_equal(made.table, expected.table)
    assert made.balance_p == expected.balance_p


def test_holm_over_all_arms_and_metrics_is_that_of_statsmodels():
    table = experiment(FRAME, metrics=["bought", "spent", "orders"]).comparisons
    assert len(table) == 6
    assert table["p_adjusted"].tolist() == pytest.approx(multipletests(table["p_value"], method="holm")[1])


def test_all_engines_give_the_same_and_the_rows_may_come_in_any_order():
    metrics, options = ["bought", "spent"], {"before": {"spent": "past"}}
    expected = experiment(FRAME, metrics=metrics, **options).table
    connection = duckdb.connect()
    connection.register("frame", FRAME.to_arrow())
    frames = [
        FRAME.to_pandas(),
        FRAME.lazy(),
        connection.table("frame"),
        FRAME.sample(fraction=1, shuffle=True, seed=1),
    ]
    for frame in frames:
        pd.testing.assert_frame_equal(experiment(frame, metrics=metrics, **options).table, expected)


def test_daily_counts_give_what_their_customers_give():
    customers = flags((30, 300), (60, 310))
    days = (
        customers.with_row_index().group_by("arm", pl.col("index") % 4).agg(pl.len().alias("n"), pl.col("bought").sum())
    )
    counted = experiment(days, metrics="bought", counts="n")
    pd.testing.assert_frame_equal(counted.table, experiment(customers, metrics="bought").table, check_dtype=False)
    assert counted.balance["n"].tolist() == [300, 310]


def test_numbers_of_0_and_1_are_a_proportion_as_true_and_false_are():
    frame = flags((30, 300), (60, 310))
    for kind in (pl.Int64, pl.Float64):
        numbers = experiment(frame.cast({"bought": kind}), metrics="bought")
        pd.testing.assert_frame_equal(numbers.table, experiment(frame, metrics="bought").table)
    assert only(frame.with_columns(bought=pl.col("bought").cast(int) * 2), "bought")["measured_in"] == "ratio"


def test_rows_are_summed_to_customers():
    rows = pl.DataFrame(
        {
            "who": ["a", "a", "b", "c", "c", "d"],
            "arm": ["control"] * 3 + ["new"] * 3,
            "bought": [True, False, False, True, True, None],
            "spent": [1.0, 2.0, 5.0, None, 4.0, None],
        }
    )
    table = experiment(rows, metrics=["bought", "spent"], unit="who").table.set_index(["metric", "arm"])
    assert table["n"].tolist() == [2, 1, 2, 1]  # nothing is known of d
    assert table["value"].tolist() == [0.5, 1, 4, 4]


def test_a_metric_of_the_catalogue_is_summed_to_the_customer_who_was_randomised():
    frame = FRAME.with_columns(customer_id=pl.int_range(pl.len()) // 2, order_id=pl.int_range(pl.len()), lines=1)
    frame = frame.with_columns(
        arm=pl.when(pl.col("customer_id") % 2 == 0).then(pl.lit("control")).otherwise(pl.lit("new"))
    )
    row = only(frame.rename({"spent": "value"}), order_value)
    customers = frame.group_by("customer_id", "arm").agg(pl.col("spent").sum(), orders=pl.len())
    samples = [linearised(customers, "spent", "orders", arm) for arm in ("new", "control")]
    assert (row["n"], row["measured_in"]) == (150, "money")
    assert row["difference"] == pytest.approx(samples[0].mean() - samples[1].mean())
    assert row["p_value"] == pytest.approx(ttest_ind(*samples, equal_var=False).pvalue)


def test_answers_of_one_customer_are_no_independent_proportion():
    answers = pl.DataFrame({"arm": ["control"] * 40 + ["new"] * 40, "score": ([5] * 10 + [1] * 10) * 4, "kind": "csat"})
    whose = answers.with_columns(customer_id=pl.int_range(pl.len()) // 10)
    alone, together = only(answers.drop("kind"), satisfaction_rate), only(whose, "satisfaction_rate")
    assert (alone["n"], together["n"]) == (40, 4)
    assert together["high"] - together["low"] > 2 * (alone["high"] - alone["low"])


def test_a_net_promoter_score_without_detractors_is_compared_in_points():
    scores = [10] * 20 + [8] * 20 + [10] * 30 + [8] * 10
    frame = pl.DataFrame({"arm": ["control"] * 40 + ["new"] * 40, "score": scores, "kind": "nps"})
    row = only(frame, "net_promoter_score")
    assert (row["value"], row["difference"]) == (75, pytest.approx(25))
    assert 0 < row["low"] < 25 < row["high"]


@pytest.mark.parametrize("n", [(48, 52), (400, 590), (3, 9)])
def test_the_sizes_of_two_arms_are_judged_by_the_binomial_test(n):
    assert imbalance(n, [sum(n) / 2] * 2) == pytest.approx(binomtest(n[0], sum(n)).pvalue)
    assert imbalance(n, [sum(n) / 4, sum(n) * 3 / 4]) == pytest.approx(binomtest(n[0], sum(n), 0.25).pvalue)


@pytest.mark.parametrize("n", [(480, 520), (44_700, 45_489)])
def test_the_sizes_of_two_large_arms_are_judged_by_its_normal_approximation(n):
    z = (abs(n[0] - n[1]) / 2 - 0.5) / (math.sqrt(sum(n)) / 2)
    assert imbalance(n, [sum(n) / 2] * 2) == pytest.approx(2 * norm.sf(z))
    assert imbalance(n, [sum(n) / 2] * 2) == pytest.approx(binomtest(n[0], sum(n)).pvalue, rel=1e-3)


def test_the_sizes_of_three_arms_are_judged_by_chi_square():
    made = experiment(FRAME, metrics="bought", shares={"control": 2, "blue": 1, "green": 1})
    sizes = made.balance["n"].to_numpy()
    expected = sizes.sum() * np.array([0.5, 0.25, 0.25])
    assert made.balance_p == pytest.approx(chisquare(sizes, expected).pvalue)
    assert set(made.verdicts.values()) == {"refused"}


def test_unequal_arms_warn_and_very_unequal_ones_refuse_the_verdict():
    warned = experiment(flags((50, 500), (150, 600)), metrics="bought")
    assert (warned.warnings, warned.verdicts) == (["unbalanced"], {("bought", "new"): "better"})
    refused = experiment(flags((50, 500), (150, 700)), metrics="bought")
    assert refused.verdicts == {("bought", "new"): "refused"}
    planned = experiment(flags((50, 500), (150, 600)), metrics="bought", shares={"control": 5, "new": 6})
    assert planned.warnings == []


def test_until_the_planned_size_it_is_too_early():
    frame = flags((50, 500), (90, 500))
    assert only(frame, "bought", planned=1001)["verdict"] == "too_early"
    assert only(frame, "bought", planned=1000)["verdict"] == "better"


def test_a_metric_that_should_fall_is_better_when_it_falls():
    fewer = Ratio("complaints", numerator="bought", bounded=True, method="wilson", better="lower")
    frame = flags((90, 500), (50, 500))
    assert only(frame, fewer)["verdict"] == "better"
    assert only(frame, "bought")["verdict"] == "worse"
    neither = Ratio("shade", numerator="bought", bounded=True, method="wilson")
    assert only(frame, neither)["verdict"] == "changed"


def test_a_customer_in_two_arms_is_left_out_and_more_than_one_in_a_hundred_are_an_error():
    frame = FRAME.filter(pl.col("arm") != "green").with_columns(who=pl.int_range(pl.len()))
    other = pl.when(pl.col("arm") == "blue").then(pl.lit("control")).otherwise(pl.lit("blue"))
    doubled = pl.concat([frame, frame.head(3).with_columns(arm=other)])
    made = experiment(doubled, metrics=["bought", "spent"], unit="who")
    assert made.left_out == {"in_two_arms": 3, "without_arm": 0, "without_unit": 0}
    pd.testing.assert_frame_equal(made.table, experiment(frame.slice(3), metrics=["bought", "spent"]).table)
    with pytest.raises(DataError, match=r"20 of \d+ customers are in two arms"):
        experiment(pl.concat([frame, frame.head(20).with_columns(arm=other)]), metrics="bought", unit="who")


def test_those_in_two_arms_are_left_out_of_a_metric_of_the_catalogue_too():
    frame = TWO.with_columns(customer_id=pl.int_range(pl.len()), order_id=pl.int_range(pl.len()), lines=1)
    frame = frame.rename({"spent": "value"})
    other = pl.when(pl.col("arm") == "blue").then(pl.lit("control")).otherwise(pl.lit("blue"))
    doubled = pl.concat([frame, frame.head(2).with_columns(arm=other)])
    pd.testing.assert_frame_equal(
        experiment(doubled, metrics="order_value").table, experiment(frame.slice(2), metrics="order_value").table
    )


@pytest.mark.parametrize("arm", [None, "control"])
def test_one_arm_is_no_comparison(arm):
    problem = "no row has an arm" if arm is None else "only one arm has rows: 'control'"
    with pytest.raises(DataError, match=problem):
        experiment(pl.DataFrame({"arm": [arm] * 3, "x": [1, 2, 3]}, schema_overrides={"arm": pl.String}), metrics="x")


def test_a_planned_arm_without_customers_is_shown_and_refuses_the_verdict():
    made = experiment(FRAME, metrics="bought", shares=dict.fromkeys([*ARMS, "red"], 1))
    row = made.table[made.table["arm"] == "red"].to_dict("records")[0]
    assert (row["n"], row["verdict"]) == (0, "refused")
    assert math.isnan(row["difference"])


def test_blank_arms_and_outcomes_are_left_out_and_counted():
    frame = flags((30, 300), (60, 310))
    blanks = pl.concat([frame, pl.DataFrame({"arm": ["new"] * 4 + [None] * 2, "bought": [None] * 4 + [True] * 2})])
    made = experiment(blanks, metrics="bought")
    assert made.left_out["without_arm"] == 2
    assert made.balance["n"].tolist() == [300, 314]
    clock = ["always_low", "always_high"]  # runs with all customers
    expected = experiment(frame, metrics="bought").table
    pd.testing.assert_frame_equal(made.table.drop(columns=clock), expected.drop(columns=clock))


@pytest.mark.parametrize("blank", ["", "  "])
@pytest.mark.parametrize("unit", ["who", None])
def test_blank_text_is_no_arm(blank, unit):
    frame = FRAME.with_columns(who=pl.int_range(pl.len()))
    half = pl.when(pl.col("who") % 2 == 0).then(pl.lit(blank)).otherwise("arm").alias("arm")
    made = experiment(frame.with_columns(half), metrics="bought", unit=unit)
    assert (made.customers, made.left_out["without_arm"]) == (N // 2, N // 2)
    assert set(made.balance["arm"]) == set(ARMS)


@pytest.mark.parametrize("blank", ["", " ", None])
def test_rows_without_a_customer_are_left_out_and_counted(blank):
    frame = TWO.with_columns(who=pl.int_range(pl.len()).cast(pl.String))
    nobody = frame.head(7).with_columns(who=pl.lit(blank, pl.String))
    made = experiment(pl.concat([frame, nobody]), metrics=["bought", "spent"], unit="who")
    assert made.left_out == {"in_two_arms": 0, "without_arm": 0, "without_unit": 7}
    pd.testing.assert_frame_equal(made.table, experiment(frame, metrics=["bought", "spent"]).table)


@pytest.mark.parametrize("kind", ["polars", "pandas", "duckdb"])
def test_arms_may_be_true_and_false(kind):
    frame = flags((10, 100), (30, 110)).with_columns(arm=pl.col("arm") == "new")
    if kind == "duckdb":
        frame = duckdb.from_arrow(frame.to_arrow())
    made = experiment(frame.to_pandas() if kind == "pandas" else frame, metrics="bought", control=False)
    assert made.comparisons[["arm", "n"]].to_numpy().tolist() == [["true", 110]]


@pytest.mark.parametrize("name", [":customers", ":first", "spent:x"])
def test_a_column_with_a_name_of_the_kits_own_is_named(name):
    frame = FRAME.rename({"visits": name})
    for options in ({"metrics": ["spent", name]}, {"metrics": "spent", "arm": name}):
        with pytest.raises(DataError, match=f"^{name}: is a name of the kit's own"):
            experiment(frame, **options)
    assert experiment(frame.rename({name: "utm:source"}), metrics=["spent", "utm:source"]).customers == N


def test_a_column_that_is_there_twice_is_named():
    frame = TWO.select("arm", "spent", "past").to_pandas()
    frame.columns = ["arm", "spent", "spent"]
    with pytest.raises(DataError, match="^spent: is there twice"):
        experiment(frame, metrics="spent")


@pytest.mark.parametrize("converted", [0, 1])
def test_all_or_none_converted_shows_nothing(converted):
    row = only(flags((40 * converted, 40), (50 * converted, 50)), "bought")
    assert (row["difference"], row["p_value"], row["verdict"]) == (0, 1, "unknown")
    assert row["low"] < 0 < row["high"]
    assert row["always_low"] < 0 < row["always_high"]


@pytest.mark.parametrize("treated", [5.0, 6.0])
def test_a_mean_without_variance_has_no_interval_and_no_verdict(treated):
    row = only(pl.DataFrame({"arm": ["control"] * 9 + ["new"] * 9, "x": [5.0] * 9 + [treated] * 9}), "x")
    assert (row["difference"], row["verdict"]) == (treated - 5, "unknown")
    assert math.isnan(row["low"])
    assert math.isnan(row["p_value"])


def test_one_customer_an_arm_has_no_interval_of_a_mean_and_a_wide_one_of_a_proportion():
    frame = pl.DataFrame({"arm": ["control", "new"], "x": [5.0, 7.5], "bought": [False, True]})
    made = experiment(frame, metrics=["x", "bought"]).comparisons.to_dict("records")
    assert math.isnan(made[0]["low"])
    assert made[1]["low"] < 0 < made[1]["high"]
    assert [row["verdict"] for row in made] == ["unknown", "unknown"]


@pytest.mark.parametrize(("n", "bought"), [(-5, 1), (5, 6), (5, -1)])
def test_impossible_counts_are_refused_with_their_row(n, bought):
    days = pl.DataFrame({"arm": ["control", "new"], "n": [10, n], "bought": [3, bought]})
    with pytest.raises(DataError, match="row 1"):
        experiment(days, metrics="bought", counts="n")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"metrics": "bougth"}, "no column and no metric. Did you mean bought"),
        ({"metrics": []}, "name at least one"),
        ({"metrics": ["bought", "bought"]}, "there twice"),
        ({"metrics": "page_views"}, "page_views is a total"),
        ({"metrics": "bought", "control": "blu"}, "Did you mean blue"),
        ({"metrics": "bought", "arm": "visits"}, "control: name the arm"),
        ({"metrics": "bought", "shares": {"control": 1, "blue": 1}}, "give that of the arm 'green'"),
        ({"metrics": "bought", "shares": dict.fromkeys(ARMS, 0)}, "not above 0"),
        ({"metrics": "bought", "planned": 0}, "planned: 0"),
        ({"metrics": "bought", "confidence": 95}, "confidence: 95"),
        ({"metrics": "bought", "before": {"spent": "past"}}, "'spent' is not a column among metrics"),
        ({"metrics": "visits", "counts": "visits", "unit": "past"}, "rows of counts are no customers"),
        ({"metrics": "spent", "before": "spent"}, "'spent' is the outcome itself"),
        ({"metrics": "order_value", "counts": "visits"}, "name columns that count who converted"),
        ({"metrics": "words", "control": "blue"}, "needs numbers, and this is text"),
        ({"metrics": "bought", "arm": "variant"}, "variant: is not a column"),
        ({"metrics": "visits", "arm": "visits"}, "arm: 'visits' is given for something else"),
        ({"metrics": "bought", "unit": "arm"}, "arm: 'arm' is given for something else"),
        ({"metrics": ["bought", "visits"], "unit": "visits"}, "unit: 'visits' is given for something else"),
        ({"metrics": "visits", "counts": "visits"}, "counts: 'visits' is given for something else"),
    ],
)
def test_wrong_arguments_are_named_with_the_way_out(options, problem):
    with pytest.raises(ValueError, match=problem):
        experiment(FRAME.with_columns(words=pl.lit("some")), **options)


@pytest.mark.filterwarnings("error")
def test_names_of_arms_are_text_whatever_they_hold():
    hostile = ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", "{n}{0}%s"]
    frame = FRAME.with_columns(pl.col("arm").replace(dict(zip(ARMS, hostile, strict=True))))
    made = experiment(frame, metrics=["bought"], control=hostile[1])
    assert sorted(made.balance["arm"]) == sorted(hostile)
    assert "<script>" not in made._repr_html_()
    assert "&lt;script&gt;" in made._repr_html_()
    for language in ("en", "id", "ms"):
        assert any(name in made.sentence(language) for name in hostile)


def test_arms_of_any_type_are_named_as_text():
    numbered = FRAME.with_columns(arm=pl.col("arm").replace_strict({"control": 0, "blue": 1, "green": 2}))
    made = experiment(numbered, metrics="spent", control=0)
    assert made.table["arm"].tolist() == ["0", "1", "2"]
    categories = experiment(FRAME.cast({"arm": pl.Categorical}).to_pandas(), metrics="spent")
    pd.testing.assert_frame_equal(categories.table, experiment(FRAME, metrics="spent").table)


def test_a_covariate_that_says_all_leaves_no_interval():
    row = only(TWO.with_columns(past=2 * pl.col("spent") + 1), "spent", before="past")
    assert math.isnan(row["low"])
    assert row["verdict"] == "unknown"


def test_days_without_any_customer_are_compared_with_nothing():
    days = pl.DataFrame({"arm": ["control", "new"], "n": [0, 0], "bought": [0, 0]})
    made = experiment(days, metrics="bought", counts="n")
    assert (made.customers, made.verdicts) == (0, {("bought", "new"): "unknown"})
    assert "not known yet" in made.sentence()


def test_a_mean_near_0_is_compared_where_a_relative_effect_is_not_defined():
    frame = pl.DataFrame({"arm": ["control"] * 4 + ["new"] * 4, "x": [-1.0, 1, -2, 2.0001, 1, 2, 3, 4]})
    frame = pl.concat([frame] * 9)
    row, samples = only(frame, "x"), [by_arm(frame, "x", arm) for arm in ("new", "control")]
    made = ttest_ind(*samples, equal_var=False)
    assert (row["difference"], row["p_value"]) == pytest.approx((2.499975, made.pvalue))
    assert (row["low"], row["high"]) == pytest.approx(tuple(made.confidence_interval()))
    assert (row["relative_low"], row["relative_high"]) == (-1, math.inf)
    assert math.isnan(only(frame.with_columns(-pl.col("x")), "x")["relative"])


def test_the_result_is_one_sentence_in_three_languages():
    made = experiment(flags((50, 500), (80, 500)), metrics="bought")
    assert made.sentence() == (
        "bought: new did better than control, 16.0% against 10.0%. "
        "The difference is +6.0 percentage points (+1.8 to +10.2), from 1,000 customers."
    )
    assert made.sentence("id").startswith("bought: new lebih baik daripada control, 16,0% dibanding 10,0%.")
    assert made.sentence("ms").startswith("bought: new lebih baik daripada control, 16.0% berbanding 10.0%.")
    warned = experiment(flags((50, 500), (150, 600)), metrics="bought")
    assert "chance rarely gives such sizes of the arms (control 500, new 600)" in warned.sentence()
    assert "400 of 2,000" in experiment(flags((9, 200), (9, 200)), metrics="bought", planned=2000).sentence()


@pytest.mark.parametrize("largest", [1e60, -1e150, 1e153, 1e300])
@pytest.mark.parametrize("before", [None, "past"])
def test_values_whose_squares_no_float_holds_are_refused_by_name(largest, before):
    frame = TWO.with_columns(spent=pl.when(pl.int_range(pl.len()) == 3).then(largest).otherwise("spent"))
    with pytest.raises(DataError, match=r"^spent: a customer's value is above 1e\+50"):
        experiment(frame, metrics="spent", before=before)


def test_values_of_1e45_are_compared_as_those_of_1():
    small, large = (only(TWO.with_columns(pl.col("spent") * size), "spent") for size in (1.0, 1e45))
    assert large["p_value"] == pytest.approx(small["p_value"])
    assert large["high"] == pytest.approx(small["high"] * 1e45)


NAN = math.nan


@pytest.mark.parametrize(
    ("row", "written"),
    [
        ((2.8e-17, -0.04, 0.04, 0.1, "rate"), "0.0 percentage points"),
        ((-2.8e-17, -0.04, 0.04, 0.1, "rate"), "0.0 percentage points"),
        ((0.0001, -0.04, 0.04, 0.1, "rate"), "0.0 percentage points"),
        ((0.0604, 0.02, 0.1, 0.1, "rate"), "+6.0 percentage points"),
        ((0.0012, 0.0004, 0.002, 0.1, "rate"), "+0.12 percentage points"),
        ((-3.6e-15, NAN, NAN, 20.0, "ratio"), "0.0"),
        ((3.6e-15, -0.3, 0.3, 20.0, "ratio"), "0.0"),
        ((0.25, NAN, NAN, 20.0, "ratio"), "+0.25"),
    ],
)
def test_a_difference_has_no_more_decimals_than_its_interval_and_rounding_is_0(row, written):
    names = ["difference", "low", "high", "value", "measured_in"]
    assert change_in_words(Language("en"), dict(zip(names, row, strict=True)), "") == written


def test_the_decisive_row_is_of_the_arm_that_improved_most_unless_it_also_harmed():
    rows = pl.DataFrame({"arm": [arm for arm in ("control", "new", "old") for _ in range(500)]})
    place = pl.int_range(pl.len()) % 500
    lifts = {"control": 50, "new": 150, "old": 100}
    converted = place < pl.col("arm").replace_strict(lifts)
    made = experiment(rows.with_columns(bought=converted, spent=place % 5), metrics=["bought", "spent"]).decisive
    assert (made["arm"], made["metric"], made["verdict"]) == ("new", "bought", "better")
    spent = place % 5 - 2 * (pl.col("arm") == "new").cast(int)
    made = experiment(rows.with_columns(bought=converted, spent=spent), metrics=["bought", "spent"]).decisive
    assert (made["arm"], made["verdict"], made["improved"]) == ("old", "better", ["bought"])
    only_new = rows.with_columns(bought=converted, spent=spent).filter(pl.col("arm") != "old")
    made = experiment(only_new, metrics=["bought", "spent"]).decisive
    assert (made["verdict"], made["improved"], made["worsened"]) == ("mixed", ["bought"], ["spent"])
