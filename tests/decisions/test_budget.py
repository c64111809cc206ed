"""Budget split: the true optimum by other methods, bounds, stops, and what is impossible."""

import numpy as np
import polars as pl
import pytest
from campaign_worlds import World
from scipy.optimize import minimize

from engagekit.decisions.budget import best_split, budget_split
from engagekit.decisions.response import fit_response
from engagekit.errors import DataError

SPEND = [20.0, 30.0, 50.0, 75.0, 100.0, 150.0]


def campaigns(**curves):
    """Six periods of each campaign on its curve of ceiling and half point."""
    parts = [
        pl.DataFrame({"campaign": name, "spend": SPEND, "leads": [top * s / (half + s) for s in SPEND]})
        for name, (top, half) in curves.items()
    ]
    return pl.concat(parts)


def split_of(*more, total=None, minimum=None, maximum=None, **curves):
    frame = pl.concat([campaigns(**curves), *more])
    return budget_split(fit_response(frame, "leads"), total, minimum, maximum).set_index("campaign")


def flat(name, leads, spend=SPEND):
    return pl.DataFrame({"campaign": name, "spend": spend, "leads": [float(leads)] * len(spend)})


def test_the_split_reaches_nearly_all_of_the_true_optimum():
    reached = []
    for seed in range(12):
        world = World.of(seed)
        split = budget_split(fit_response(world.periods(seed)), float(world.usual.sum()))
        assert split["recommended"].sum() == pytest.approx(world.usual.sum())
        reached.append(world.results(split["recommended"].to_numpy()).sum() / world.optimum(world.usual.sum()))
    assert np.median(reached) >= 0.97
    assert min(reached) > 0.9


def test_the_best_split_of_known_curves_is_that_of_scipy():
    rng = np.random.default_rng(5)
    for _ in range(20):
        ceiling, half = rng.uniform(1, 9, 4), rng.uniform(1, 9, 4)
        low, high = rng.uniform(0, 1, 4), rng.uniform(2, 5, 4)
        total = rng.uniform(low.sum(), high.sum())
        ours = best_split(ceiling[None], half[None], total, low, high)[0]
        solved = minimize(
            lambda spend, c, h: -(c * spend / (h + spend)).sum(),
            low + (total - low.sum()) * (high - low) / (high - low).sum(),
            args=(ceiling, half),
            bounds=list(zip(low, high, strict=True)),
            constraints={"type": "eq", "fun": lambda spend, total: spend.sum() - total, "args": (total,)},
            method="SLSQP",
            options={"ftol": 1e-12},
        )
        assert ours.sum() == pytest.approx(total)
        assert (ours >= low - 1e-12).all()
        assert (ours <= high + 1e-12).all()
        assert (ceiling * ours / (half + ours)).sum() == pytest.approx(-solved.fun, rel=1e-6)


def test_the_recommended_split_is_better_than_any_on_a_grid_for_the_mean_of_the_draws():
    curves = fit_response(World.of(3, campaigns=2).periods(3, factor=10.0, noise=0.25))
    split = budget_split(curves, 200.0)

    def expected(first):
        return sum(
            curves.expected(name, spend)[0] for name, spend in zip(curves.fitted, (first, 200 - first), strict=True)
        )

    best = max(np.linspace(0, 200, 401), key=expected)
    assert split["recommended"].iloc[0] == pytest.approx(best, abs=0.6)


def test_equal_returns_give_an_equal_split():
    split = split_of(A=(100, 50), B=(100, 50), C=(100, 50), total=240)
    assert split["recommended"].tolist() == pytest.approx([80] * 3, abs=0.05)
    assert set(split["action"]) == {"lower"}  # from 150 each


def test_campaigns_of_known_curves_get_what_lagrange_says():
    split = split_of(A=(200, 50), B=(100, 50), total=120)
    u = (120 + 100) / (np.sqrt(200 * 50) + np.sqrt(100 * 50))
    assert split.loc["A", "recommended"] == pytest.approx(u * 100 - 50, rel=0.01)
    assert split["marginal"].to_numpy() == pytest.approx([1 / u**2] * 2, rel=0.02)
    assert (split["low"] < split["recommended"]).all()
    assert (split["high"] > split["recommended"]).all()


def test_minimum_and_maximum_hold():
    split = split_of(A=(200, 50), B=(100, 50), total=120, minimum={"B": 60.0})
    assert split["recommended"].tolist() == pytest.approx([60, 60])
    split = split_of(A=(200, 50), B=(100, 50), total=120, maximum={"A": 50.0})
    assert split["recommended"].tolist() == pytest.approx([50, 70])
    assert split["low"].tolist() == pytest.approx([50, 70])


def test_a_campaign_whose_first_money_gives_less_than_the_last_elsewhere_is_to_be_stopped():
    split = split_of(A=(1000, 50), B=(1000, 80), C=(2, 50), total=300)  # C's first: 2/50; A's at 150: 1.25
    assert split["action"].to_dict()["C"] == "stop"
    assert split.loc["C", "recommended"] == 0
    kept = split_of(A=(1000, 50), B=(1000, 80), C=(2, 50), total=300, minimum={"C": 10.0})
    assert kept.loc["C", "recommended"] == pytest.approx(10)
    assert kept.loc["C", "action"] == "lower"


def test_spend_without_results_is_to_be_stopped_and_its_money_shared():
    split = split_of(flat("C", 0), A=(100, 50), B=(100, 50))
    assert split.loc["C", ["action", "recommended"]].tolist() == ["stop", 0]
    assert split.attrs["total"] == 450
    assert split.loc[["A", "B"], "recommended"].tolist() == pytest.approx([225] * 2, abs=0.2)
    assert split.loc[["A", "B"], "beyond"].tolist() == ["above"] * 2


def test_a_campaign_without_a_curve_keeps_its_share():
    split = split_of(flat("C", 9), A=(100, 50), B=(100, 50), total=225)
    assert split.loc["C", "recommended"] == pytest.approx(75)
    assert split.loc["C", ["action", "reason"]].tolist() == ["lower", "not_rising"]
    assert split["recommended"].sum() == pytest.approx(225)


def test_with_one_curve_nothing_is_recommended_but_to_stop():
    split = split_of(flat("B", 9), flat("C", 0), A=(100, 50))
    assert split.attrs["reason"] == "too_few_curves"
    assert split["action"].tolist() == ["", "", "stop"]
    assert split["recommended"].isna().tolist() == [True, True, False]
    assert np.isnan(split.attrs["gain"])


def test_without_present_spend_there_is_a_split_only_of_a_total():
    last = {"spend": [*SPEND, 0.0], "leads": [100 * s / (50 + s) for s in SPEND] + [0.0]}
    curves = fit_response(pl.concat(pl.DataFrame({"campaign": name, **last}) for name in "AB"), "leads")
    paused = budget_split(curves)
    assert (paused.attrs["reason"], paused.attrs["total"]) == ("no_present_spend", 0)
    assert paused["recommended"].isna().all()
    assert paused["action"].tolist() == ["", ""]
    given = budget_split(curves, 120.0)
    assert given["recommended"].tolist() == pytest.approx([60, 60], abs=0.1)
    assert given["reason"].tolist() == ["", ""]
    assert budget_split(fit_response(flat("A", 5, [0.0] * 6), "leads"), 10.0)["reason"].tolist() == ["no_spend"]
    with pytest.raises(ValueError, match="total: 0 is no money to split"):
        budget_split(curves, 0.0)


def test_a_campaign_that_ended_gets_a_share_only_if_a_bound_names_it():
    spend = [*SPEND, 0.0]
    ended = pl.DataFrame({"campaign": "C", "spend": spend, "leads": [9_000 * s / (50 + s) for s in spend]})
    useless = pl.DataFrame({"campaign": "D", "spend": spend, "leads": [0.0] * 7})
    split = split_of(ended, useless, A=(200, 50), B=(100, 50))
    assert split.loc[["C", "D"], "recommended"].tolist() == [0, 0]
    assert split.loc[["C", "D"], ["action", "reason"]].to_numpy().tolist() == [["", "ended"]] * 2
    assert split.loc[["A", "B"], "recommended"].sum() == pytest.approx(300)
    named = split_of(ended, A=(200, 50), B=(100, 50), maximum={"C": 300.0})
    assert named.loc["C", ["action", "reason"]].tolist() == ["raise", ""]
    assert named.loc["C", "recommended"] > 100
    poor = ended.with_columns(leads=pl.col("leads") / 9_000)
    assert split_of(poor, A=(2000, 50), B=(1000, 50), maximum={"C": 9.0}).loc["C", "action"] == "keep"  # it is stopped


def test_campaigns_that_ended_do_not_count_as_curves():
    spend = [*SPEND, 0.0]
    ended = pl.DataFrame({"campaign": "C", "spend": spend, "leads": [9_000 * s / (50 + s) for s in spend]})
    assert split_of(ended, A=(200, 50)).attrs["reason"] == "too_few_curves"


def test_bounds_move_the_total_where_none_is_given():
    assert split_of(A=(200, 50), B=(100, 50), maximum={"A": 60.0, "B": 40.0}).attrs["total"] == 100  # of 300
    assert split_of(A=(200, 50), B=(100, 50), minimum={"A": 400.0}).attrs["total"] == 400
    kept = split_of(flat("C", 9), A=(200, 50), B=(100, 50), maximum={"A": 60.0, "B": 40.0})
    assert kept["recommended"].to_dict() == pytest.approx({"C": 150, "A": 60, "B": 40})


def test_no_results_at_all_stop_what_had_spend_in_enough_periods():
    split = budget_split(fit_response(pl.concat([flat("A", 0), flat("B", 0, SPEND[:5])]), "leads"))
    assert split["action"].tolist() == ["stop", ""]


def test_the_gain_is_over_the_same_money_in_the_present_shares():
    split = split_of(A=(200, 50), B=(100, 50), total=120)
    at_half = 200 * 60 / 110 + 100 * 60 / 110  # both spend 150 now
    best = (split["result_expected"]).sum()
    assert split.attrs["gain"] == pytest.approx(best - at_half, rel=0.02)
    assert split.attrs["gain_low"] <= split.attrs["gain"] <= split.attrs["gain_high"]


def test_the_recommendation_is_unsure_where_results_are():
    def width(noise):
        split = budget_split(fit_response(World.of(6).periods(6, factor=10.0, noise=noise)), 700.0)
        return (split["high"] - split["low"]).mean()

    assert width(0.05) < width(0.2)


def test_the_same_data_give_the_same_split():
    frame = World.of(7).periods(7)
    one, other = (budget_split(fit_response(frame), 600.0) for _ in range(2))
    assert one.equals(other)


@pytest.mark.parametrize(
    ("wish", "error", "words"),
    [
        ({"minimum": {"Zoo": 10.0}}, DataError, "minimum: there is no campaign 'Zoo'. There are: A, B."),
        ({"maximum": {"b": 10.0}}, DataError, "Did you mean B?"),
        ({"minimum": {"A": -1.0}}, ValueError, "minimum: -1.0 of 'A' must be 0 or above"),
        ({"minimum": {"A": 90.0}, "maximum": {"A": 80.0}}, ValueError, "is above the maximum"),
        ({"minimum": {"A": 90.0, "B": 40.0}}, ValueError, "total: 120 is below the sum of the minima, 130"),
        ({"maximum": {"A": 60.0, "B": 40.0}}, ValueError, "total: 120 is above the sum of the maxima, 100"),
    ],
)
def test_bounds_that_cannot_be_kept_are_refused(wish, error, words):
    with pytest.raises(error) as raised:
        split_of(A=(200, 50), B=(100, 50), total=120, **wish)
    assert words in str(raised.value)


def test_a_total_that_campaigns_without_a_curve_use_up_is_refused():
    with pytest.raises(ValueError, match="campaigns without a curve keep 80, and the bounds of the others"):
        split_of(flat("C", 9), A=(100, 50), B=(100, 50), total=100, minimum={"C": 80.0}, maximum={"A": 15.0, "B": 2.0})
