"""Response curves of campaigns: parameters that are known, by a second route, and where no curve is fitted."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from campaign_worlds import World
from scipy.optimize import curve_fit, minimize_scalar

from engagekit.decisions.response import fit_response
from engagekit.errors import DataError

SPEND = [20.0, 30.0, 50.0, 75.0, 100.0, 150.0]


def table(results, spend=SPEND, name="A", **columns):
    return pl.DataFrame({"campaign": [name] * len(spend), "spend": spend, "leads": results, **columns})


def on_curve(ceiling, half, spend=SPEND):
    return [ceiling * each / (half + each) for each in spend]


def reason(frame, name="A"):
    curves = fit_response(frame, "leads")
    row = curves.table.set_index("campaign").loc[name]
    assert np.isnan(row["ceiling"]) == bool(row["reason"])
    return row["reason"]


def test_results_on_a_curve_give_the_curve():
    row = fit_response(table(on_curve(300, 80)), "leads").table.iloc[0]
    assert row["ceiling"] == pytest.approx(300, rel=0.01)
    assert row["half_spend"] == pytest.approx(80, rel=0.01)


def test_with_much_data_the_curve_is_that_of_least_relative_squares_by_scipy():
    world = World.of(1)
    frame = world.periods(1, periods=200, factor=20.0)
    fitted = fit_response(frame).table
    for row, (_, part) in zip(fitted.to_dict("records"), frame.group_by("campaign", maintain_order=True), strict=True):
        spend, results = (part[name].to_numpy() for name in ("spend", "conversions"))
        logs, _ = curve_fit(lambda s, c, h: c + np.log(s / (np.exp(h) + s)), spend, np.log(results), [6, 4])
        assert row["ceiling"] == pytest.approx(np.exp(logs[0]), rel=0.03)
        assert row["half_spend"] == pytest.approx(np.exp(logs[1]), rel=0.05)


def test_the_most_likely_half_point_is_that_of_the_documented_density():
    frame = World.of(4).periods(4, periods=12, noise=0.05).filter(pl.col("campaign") == "campaign 0")
    spend, results = (frame[name].to_numpy() for name in ("spend", "conversions"))

    def minus_log_density(log_half):
        ceilings = results * (np.exp(log_half) + spend) / spend
        scatter = np.log(ceilings.std() / ceilings.mean())
        return (len(spend) - 1) * scatter + (log_half - np.log(spend).mean()) ** 2 / 2

    mode = np.exp(minimize_scalar(minus_log_density, bracket=(3, 6)).x)
    curves = fit_response(frame)
    counts, edges = np.histogram(np.log(curves.halves[:, 0]), 12)
    place = counts.argmax()
    assert edges[place] - 0.15 < np.log(mode) < edges[place + 1] + 0.15


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    held = []
    for seed in range(20):
        world = World.of(seed)
        table = fit_response(world.periods(seed)).table.assign(half=world.half).dropna(subset=["half_spend"])
        held += table["half"].between(table["half_spend_low"], table["half_spend_high"]).tolist()
    assert 0.90 < np.mean(held) <= 1.0
    assert len(held) > 100


def test_few_draws_lie_far_from_the_spend_that_was_tried_where_data_hardly_bend():
    results = [each * factor for each, factor in zip(SPEND, [1.1, 0.9, 1.05, 1.0, 0.93, 1.08], strict=True)]
    row = fit_response(table(results), "leads").table.iloc[0]
    usual = np.exp(np.log(SPEND).mean())
    assert usual < row["half_spend"] < usual * np.exp(3)


def test_expected_and_marginal_results_follow_from_the_curve():
    curves = fit_response(table(on_curve(100, 50)), "leads")
    assert curves.expected("A", 50.0)[0] == pytest.approx(50, rel=0.01)
    assert curves.marginal("A", 0.0)[0] == pytest.approx(2, rel=0.02)  # ceiling / half_spend
    value, low, high = curves.marginal("A", 100.0)
    assert low <= value <= high
    assert np.isnan(curves.expected("B", 50.0)).all()


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (table(on_curve(100, 50)[:5], SPEND[:5]), "too_few"),
        (table([4.0], [10.0]), "too_few"),
        (table(on_curve(100, 50, [50.0, 60, 70, 80, 90, 99]), [50.0, 60, 70, 80, 90, 99]), "little_variation"),
        (table(on_curve(100, 50)[::-1]), "not_rising"),
        (table([7.0] * 6), "not_rising"),
        (table([0.0] * 6), "no_results"),
        (table([1.0] * 6, [0.0] * 6), "no_spend"),
        (table([None] * 6), "no_spend"),
        (table([1.0] * 6, [None] * 6), "no_spend"),
    ],
)
def test_no_curve_is_fitted_without_enough_to_fit_and_the_reason_is_given(frame, why):
    schema = {"spend": pl.Float64, "leads": pl.Float64}
    assert reason(frame.cast(schema)) == why


def test_a_campaign_without_results_needs_spend_that_would_have_given_others_three():
    others = table([10.0] * 6, name="B")  # 425 of money for 60 leads: 7.08 a lead
    assert reason(pl.concat([table([0.0], [21.0]), others])) == "too_few"
    assert reason(pl.concat([table([0.0], [22.0]), others])) == "no_results"


def test_blank_and_zero_spend_are_left_out_and_counted():
    frame = table([*on_curve(100, 50), 9.0, 4.0, None], [*SPEND, None, 0.0, 40.0])
    row = fit_response(frame, "leads").table.iloc[0]
    assert (row["periods"], row["left_out"]) == (6, 3)
    assert row["half_spend"] == pytest.approx(50, rel=0.01)


def test_periods_count_as_if_they_were_as_long_as_the_last():
    start = dt.datetime(2026, 1, 1)
    begins = [start + dt.timedelta(days=10 * place) for place in range(6)]
    ends = [begin + dt.timedelta(days=10) for begin in begins]
    even = table(on_curve(100, 50), starts_at=begins, ends_at=ends)
    double = even.with_columns(  # the first period is twice as long, with twice the spend and results
        starts_at=pl.when(pl.col("spend") == 20).then(pl.col("starts_at").dt.offset_by("-10d")).otherwise("starts_at"),
        spend=pl.when(pl.col("spend") == 20).then(40.0).otherwise("spend"),
        leads=pl.when(pl.col("spend") == 20).then(pl.col("leads") * 2).otherwise("leads"),
    )
    first, second = (fit_response(frame, "leads") for frame in (even, double))
    assert first.days == second.days == 10
    assert first.table.equals(second.table)
    assert first.table["spend_now"].item() == 150


def test_the_present_spend_is_that_of_the_last_days_whatever_periods_a_campaign_has():
    day = dt.datetime(2026, 1, 1)
    month = {"starts_at": [day], "ends_at": [day + dt.timedelta(days=28)]}
    weeks = [day + dt.timedelta(days=7 * week - 3) for week in range(5)]  # a week from 3 days before, to 4 after
    weekly = {"starts_at": weeks[:4], "ends_at": weeks[1:]}
    frame = pl.concat([table([5.0], [100.0], **month), table([1.0] * 4, [70.0] * 4, name="B", **weekly)])
    curves = fit_response(frame, "leads")
    assert curves.days == 28
    assert curves.table["spend_now"].tolist() == [100, 70 * 4 / 7 + 3 * 70]  # of the first week 4 days
    assert curves.periods["spend"].tolist() == [100, *[280] * 4]


def test_rows_of_one_campaign_and_period_add_up():
    times = {"starts_at": [dt.datetime(2026, 1, 5)] * 2, "ends_at": [dt.datetime(2026, 1, 12)] * 2}
    curves = fit_response(table([3.0, 4.0], [10.0, 20.0], **times), "leads")
    assert curves.periods[["spend", "result"]].to_numpy().tolist() == [[30, 7]]


def test_the_order_of_rows_changes_nothing():
    times = [dt.datetime(2026, 1, 1) + dt.timedelta(days=7 * place) for place in range(24)]
    frame = (
        World.of(2)
        .periods(2)
        .with_columns(
            starts_at=pl.Series(times * 6), ends_at=pl.Series([time + dt.timedelta(days=7) for time in times] * 6)
        )
    )
    one, other = (fit_response(each) for each in (frame, frame.sample(fraction=1, shuffle=True, seed=3)))
    assert one.table.equals(other.table)
    assert (one.halves == other.halves).all()


def test_pandas_and_duckdb_give_the_same():
    import duckdb

    frame = World.of(2).periods(2)
    expected = fit_response(frame).table
    assert fit_response(frame.to_pandas()).table.equals(expected)
    assert fit_response(duckdb.sql("select * from frame order by campaign")).table["periods"].tolist() == [24] * 6


def test_negative_spend_is_refused_and_named():
    with pytest.raises(DataError, match=r"spend: -5 of 'A' \(row 1, counted from 0\) is negative"):
        fit_response(table([1.0, 2.0], [5.0, -5.0]), "leads")


def test_infinite_numbers_and_text_are_refused_and_name_the_column():
    with pytest.raises(DataError, match=r"campaigns, spend: inf of 'A' \(row 1, counted from 0\) is infinite"):
        fit_response(table([1.0, 2.0], [5.0, np.inf]), "leads")
    with pytest.raises(DataError, match="campaigns, leads: inf of 'A'"):
        fit_response(table([1.0, np.inf], [5.0, 6.0]), "leads")
    dates = {"starts_at": ["2026-01-01"], "ends_at": ["2026-02-01"]}
    with pytest.raises(DataError, match="campaigns, starts_at: holds String, not dates"):
        fit_response(table([1.0], [5.0], **dates), "leads")
    with pytest.raises(DataError, match="campaigns, spend: holds String, not numbers"):
        fit_response(table([1.0], ["5"]), "leads")


def test_two_currencies_are_refused():
    with pytest.raises(DataError, match="campaigns, currency: has IDR and MYR"):
        fit_response(table([1.0, 2.0], [5.0, 6.0], currency=["IDR", "MYR"]), "leads")
    assert fit_response(table([1.0, 2.0], [5.0, 6.0], currency=["IDR", None]), "leads").fitted == []


def test_a_missing_column_and_an_unknown_result_are_named():
    with pytest.raises(DataError, match="revenue: is not a column"):
        fit_response(table([1.0], [5.0]), "revenue")
    with pytest.raises(ValueError, match="Did you mean leads"):
        fit_response(table([1.0], [5.0]), "lead")


def test_an_empty_table_is_refused():
    with pytest.raises(DataError, match="there is no row with a campaign and a period"):
        fit_response(table([1.0], [5.0]).head(0), "leads")
    instant = {"starts_at": [dt.datetime(2026, 1, 1)], "ends_at": [dt.datetime(2026, 1, 1)]}
    with pytest.raises(DataError, match="there is no row with a campaign and a period"):
        fit_response(table([1.0], [5.0], **instant), "leads")
