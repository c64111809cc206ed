"""Declines against simulated truth and other libraries."""

from itertools import product

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from engagekit.customers.declines import declines
from engagekit.errors import DataError

RESULT = ["customer_id", "before", "after", "expected", "p", "q", "declined", "reason"]


def polars_of(result):
    """Polars frame of a frame of any engine."""
    return nw.from_native(result).lazy().collect("polars").to_native().fill_nan(None)


def windows(before, after, feature="active_days"):
    """Frames of two windows; who has 0 is not in them, as in a table of features."""
    for counts in (before, after):
        frame = pl.DataFrame({"customer_id": [f"c{i}" for i in range(len(counts))], feature: np.asarray(counts, int)})
        yield frame.filter(pl.col(feature) > 0)


def bursts(seed, customers, burst=3.0, mean=16):
    """Negative-binomial counts of two windows of customers who did not change, and how often they come on average."""
    rng = np.random.default_rng(seed)
    level = rng.gamma(1, mean, customers)
    return *(rng.poisson(rng.gamma(level / (burst - 1), burst - 1)) for _ in range(2)), level


def called(before, after, **options):
    """Whether each customer is called declined."""
    who = set(declines(*windows(before, after), **options).filter("declined")["customer_id"])
    return np.array([f"c{i}" in who for i in range(len(before))])


def by_customer(result, *names):
    return {
        who: values[0] if len(values) == 1 else values for who, *values in result.select("customer_id", *names).rows()
    }


def steady(*others, n=80):
    """Windows of customers who come on 18 to 22 days after 20, and of others with their own counts."""
    before, after = [20] * n, ([18, 19, 20, 21, 22] * n)[:n]
    return list(windows([b for b, _ in others] + before, [a for _, a in others] + after))


def test_a_customer_in_one_window_only_has_0_in_the_other():
    before, after = windows([7, 0], [0, 9])
    result = declines(before, after)
    assert result.columns == RESULT
    assert by_customer(result, "before", "after", "expected") == {"c0": [7, 0, 3.5], "c1": [0, 9, 4.5]}


def test_who_stops_has_declined_and_who_stays_or_comes_has_not():
    result = by_customer(declines(*steady((20, 0), (20, 19), (0, 20), (2, 60))), "declined")
    assert [result[f"c{i}"] for i in range(4)] == [True, False, False, False]


def test_chances_are_those_of_scipys_beta_binomial_with_burst_and_drift_found_by_trying_all():
    """The likelihood of the last count, given that it is half of both or more and not all, summed pair by pair."""
    before, after, _ = bursts(1, 300)
    both, busiest = before + after, max(before.max(), after.max())
    asked = (after >= before) & (before > 0) & (both >= 4) & (both <= busiest)

    def shape(both, drift, burst):
        return (1 / ((burst + drift * both) / (burst + both)) - 1) / 2  # from the correlation

    def likelihood(drift, burst):
        total = np.log(drift * burst)
        for n in np.unique(both[asked]):
            possible = np.arange((n + 1) // 2, n)
            chances = stats.betabinom.pmf(possible, n, *[shape(n, drift, burst)] * 2)
            total += np.log(chances[after[asked & (both == n)] - possible[0]] / chances.sum()).sum()
        return total

    drift, burst = max(product(np.geomspace(0.001, 0.3, 25), np.geomspace(0.1, 10, 25)), key=lambda x: likelihood(*x))
    assert burst == pytest.approx(2, rel=0.5)  # the variance is three times that of Poisson counts: two come along
    result = declines(*windows(before, after))
    n, last = (result["before"] + result["after"]).to_numpy(), result["after"].to_numpy()
    p = stats.betabinom.cdf(last, n, *[shape(n, drift, burst)] * 2)
    np.testing.assert_allclose(result["p"], p, rtol=0.15, atol=1e-4)  # as fine as what was tried


def test_the_chance_of_so_few_and_that_of_one_more_the_other_way_add_up_to_1():
    result = by_customer(declines(*steady((3, 7), (8, 2), (0, 10), (6, 6), (7, 5))), "p")
    assert result["c0"] + result["c1"] == pytest.approx(1)
    assert result["c2"] == 1
    assert result["c3"] + result["c4"] == pytest.approx(1)
    assert result["c4"] < 0.5 < result["c3"]


def test_q_is_benjamini_and_hochbergs_over_those_tested():
    before, after, _ = bursts(2, 400)
    after[:40] = 0
    result = declines(*windows(before, after)).filter(pl.col("reason") == "")
    assert 100 < len(result) < 400
    rejected, q, *_ = multipletests(result["p"], alpha=0.1, method="fdr_bh")
    np.testing.assert_allclose(result["q"], q)
    np.testing.assert_array_equal(result["declined"], rejected)
    assert 0 < rejected.sum() < 60


def test_a_stricter_rate_calls_fewer():
    before, after, _ = bursts(2, 400)
    after[:40] = 0
    many, some, few = (called(before, after, fdr=fdr) for fdr in (0.3, 0.1, 0.01))
    assert many.sum() > some.sum() > few.sum() > 0
    assert not (few & ~some).any()


def test_among_unchanged_customers_no_more_bases_than_promised_have_a_discovery():
    """40 bases at 10 %: above 8 has a chance of 1.5 % (binomial)."""
    discoveries = sum(called(*bursts([3, run], 300)[:2]).any() for run in range(40))
    assert discoveries <= 8


def test_of_those_called_no_more_than_promised_did_not_fall():
    """A tenth stopped, in 40 bases; promised is 10 % on average, of which chance may leave 2 % more."""
    false, detected = [], []
    for run in range(40):
        before, after, level = bursts([4, run], 300)
        after[:30] = 0
        who = called(before, after)
        false.append(who[30:].sum() / max(who.sum(), 1))
        detected.append(who[:30][level[:30] > 20].mean())
    assert np.mean(false) < 0.10 + 0.02
    assert np.mean(detected) > 0.7


def test_daily_customers_do_not_make_the_others_look_steady():
    """Days of daily customers hardly vary; 20 bases at 10 %: above 5 has a chance of 1.1 %."""
    discoveries = 0
    for run in range(20):
        before, after, _ = bursts([5, run], 400)
        daily = np.random.default_rng(run).binomial(84, 0.95, (2, 120))
        discoveries += called(*(np.r_[np.minimum(c, 84), d] for c, d in zip((before, after), daily, strict=True))).any()
    assert discoveries <= 5


def test_those_who_fell_and_those_who_came_do_not_change_what_chance_is():
    before, after, _ = bursts(6, 300)
    fewer, fell = after.copy(), after < before
    fewer[np.flatnonzero(fell)[::2]] = 0
    came = np.r_[np.zeros(50, int), before], np.r_[np.full(50, 9), after]
    p = by_customer(declines(*windows(before, after)), "p")
    p_fewer = by_customer(declines(*windows(before, fewer)), "p")
    p_came = by_customer(declines(*windows(*came)), "p")
    for i in np.flatnonzero((after == fewer) & (before + after > 0)):
        assert p_fewer[f"c{i}"] == p[f"c{i}"] == p_came[f"c{i + 50}"]


def test_a_decline_of_most_of_the_base_shows():
    result = declines(*steady(*[(40, 4)] * 150))
    assert result["declined"].sum() == 150
    assert result["after"].sum() < result["before"].sum() / 2


def test_who_came_too_rarely_is_not_tested_and_makes_the_test_no_stricter():
    few = declines(*steady((20, 6), (1, 0)))
    many = declines(*steady((20, 6), *[(1, 0)] * 500))
    assert by_customer(few, "reason")["c1"] == "too_rare"
    assert few.filter(pl.col("reason") == "too_rare").select("q", "declined").rows() == [(None, False)]
    assert few["p"].null_count() == 0
    assert by_customer(few, "p", "q")["c0"] == by_customer(many, "p", "q")["c0"]


def test_only_a_q_that_could_never_be_called_is_left_out():
    """Of n in both, 0 in the last window has at least the chance of n heads."""
    result = declines(*steady(*((n, 0) for n in range(1, 12)))).sort("before")
    rare = result.filter(pl.col("reason") == "too_rare")
    assert rare["before"].max() >= 3  # an eighth is above 10 %
    assert (rare["p"] > 0.1).all()
    assert (result.filter(pl.col("before") < 12, pl.col("reason") == "")["p"] <= 0.1).all()


@pytest.mark.parametrize(("risers", "known"), [(29, False), (30, True)])
def test_below_30_customers_nobody_can_tell_how_unsteady_they_are(risers, known):
    before, after = [20] * risers + [20] * 5 + [0] * 9 + [1, 1], [21] * risers + [0] * 5 + [30] * 9 + [1, 2]
    result = declines(*windows(before, after))
    assert (result["p"].null_count() == 0) is known
    assert ("few_customers" in result["reason"]) is not known
    assert result["declined"].sum() == (5 if known else 0)
    assert known or result["q"].null_count() == len(result)


def test_the_order_of_rows_does_not_matter():
    before, after, _ = bursts(7, 200)
    frames = list(windows(before, after))
    mixed = [frame.sample(fraction=1, shuffle=True, seed=3) for frame in frames]
    assert declines(*frames).equals(declines(*mixed))


def test_any_column_of_counts_can_be_compared():
    before, after, _ = bursts(8, 200)
    days, orders = (declines(*windows(before, after, name), name) for name in ("active_days", "orders"))
    assert days.equals(orders)


def test_declines_are_the_same_on_any_engine(on_engine):
    frames = steady((20, 0), (20, 18), (0, 9), (1, 0))
    result = declines(*(on_engine(frame) for frame in frames))
    assert isinstance(result, pd.DataFrame if isinstance(on_engine(frames[0]), pd.DataFrame) else pl.DataFrame)
    table = polars_of(result)
    expected = declines(*frames)
    assert table.columns == RESULT
    assert table["declined"].dtype == pl.Boolean
    assert table.sort("customer_id").equals(expected.sort("customer_id"))
    assert by_customer(table, "before", "after", "expected", "declined", "reason")["c0"] == [20, 0, 10, True, ""]


def test_frames_are_unchanged_and_whole_floats_are_counts():
    before, after = (frame.to_pandas().astype({"active_days": float}) for frame in steady((20, 0)))
    copies = before.copy(), after.copy()
    result = declines(before, after)
    assert result.loc[result["declined"], "customer_id"].tolist() == ["c0"]
    pd.testing.assert_frame_equal(before, copies[0])
    pd.testing.assert_frame_equal(after, copies[1])


def test_rows_without_a_customer_are_left_out():
    before, after = steady((20, 0))
    nobody = pl.DataFrame({"customer_id": [None, None], "active_days": [5, -5]}, schema=before.schema)
    assert declines(pl.concat([before, nobody]), after).equals(declines(before, after))


@pytest.mark.parametrize("make", [lambda frame: frame, pl.DataFrame.to_pandas, pl.DataFrame.lazy])
def test_empty_windows_give_nobody_or_those_of_the_other(make):
    nobody = pl.DataFrame(schema={"customer_id": pl.String, "active_days": pl.Int64})
    assert polars_of(declines(make(nobody), make(nobody))).shape == (0, len(RESULT))
    _, after = windows([1, 2], [3, 4])
    for pair in ((nobody, after), (after, nobody)):
        result = polars_of(declines(*map(make, pair)))
        assert result.select("reason", "p", "q", "declined").unique().rows() == [("few_customers", None, None, False)]
    typeless = pd.DataFrame({"customer_id": [], "active_days": []}, dtype=object)
    assert len(declines(typeless, after.to_pandas())) == 2


def test_counts_of_0_are_customers_too():
    before, after = steady((20, 0))
    silent = pl.DataFrame({"customer_id": ["s"], "active_days": [0]})
    result = declines(pl.concat([before, silent]), pl.concat([after, silent]))
    assert by_customer(result, "p", "expected", "reason")["s"] == [1, 0, "too_rare"]


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (-1, r"active_days: -1\.0 in 'after' \(customer 'b'\) is not a whole number from 0 up"),
        (2.5, r"active_days: 2\.5 in 'after' \(customer 'b'\) is not a whole number from 0 up"),
        (float("inf"), r"active_days: inf in 'after' \(customer 'b'\)"),
        (None, r"active_days: None in 'after' \(customer 'b'\)"),
        (float("nan"), r"active_days: None in 'after' \(customer 'b'\)"),
    ],
)
def test_what_is_not_a_count_is_named(count, message):
    before = pl.DataFrame({"customer_id": ["a"], "active_days": [3]})
    after = pl.DataFrame({"customer_id": ["a", "b"], "active_days": [3.0, count]})
    with pytest.raises(DataError, match=message):
        declines(before, after)


def test_what_cannot_be_is_named():
    frame = pl.DataFrame({"customer_id": ["a", "b"], "active_days": [3, 4]})
    with pytest.raises(DataError, match="^active_days: is not a column"):
        declines(frame, frame.drop("active_days"))
    with pytest.raises(DataError, match="^customer_id: is not a column"):
        declines(frame.drop("customer_id"), frame)
    with pytest.raises(DataError, match="^orders: is not a column"):
        declines(frame, frame, "orders")
    with pytest.raises(DataError, match="^customer_id: 'a' is there twice in 'before'"):
        declines(pl.concat([frame, frame.head(1)]), frame)
    with pytest.raises(DataError, match="^active_days: is String in 'after', not a number"):
        declines(frame, frame.cast({"active_days": pl.String}))
    numbers = frame.with_columns(customer_id=pl.Series([1, 2]))
    with pytest.raises(DataError, match="^customer_id: is Int64 in 'before' and String in 'after'"):
        declines(numbers, frame)


@pytest.mark.parametrize("fdr", [0, 1, -0.1, 10, float("nan")])
def test_a_rate_is_between_0_and_1(fdr):
    frame = pl.DataFrame({"customer_id": ["a"], "active_days": [3]})
    with pytest.raises(ValueError, match=f"^fdr: {fdr} is not between 0 and 1"):
        declines(frame, frame, fdr=fdr)
