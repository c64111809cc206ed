import datetime as dt
import json

import numpy as np
import polars as pl
import pytest

from engagekit.customers.features import snapshots
from engagekit.data.business import Business
from engagekit.errors import DataError
from engagekit.prepare.history import History
from engagekit.score.freeze import FROZEN, freeze
from engagekit.score.scorecard import Scorecard

HEAD = (
    'name = "A"\nkind = "saas"\nlanguage = "en"\ncurrency = "GBP"\ntime_zone = "Europe/London"\nas_of = "2026-06-01"\n'
)
TABLE = """
[tables.interactions]
file = "interactions.csv"
[tables.interactions.columns]
customer_id = "customer_id"
time = "time"
action = "action"
channel = {constant = "app"}
"""


@pytest.fixture
def made(tmp_path):
    """A business of these components, with events of fifty customers from the start of 2026 on."""

    def made(components="active_days = {weight = 1}", rows=None):
        rng = np.random.default_rng(1)
        if rows is None:
            rows = [
                (f"c{who}", dt.date(2026, 1, 1) + dt.timedelta(days=int(day)), "view")
                for who in range(50)
                for day in rng.integers(0, 151, 2 + who)
            ]
        frame = pl.DataFrame(rows, schema=["customer_id", "time", "action"], orient="row")
        frame.write_csv(tmp_path / "interactions.csv")
        score = f'[score]\nwindow = "28d"\n[score.components]\n{components}\n'
        (tmp_path / "business.toml").write_text(HEAD + score + TABLE)
        return Business.open(tmp_path)

    return made


def test_bounds_are_percentiles_of_all_dates_of_the_period(made):
    business = made("active_days = {weight = 1}\nrecency_days = {weight = 2, direction = 'down'}")
    content = freeze(business, name="spring", starts=dt.date(2026, 2, 1), ends=dt.date(2026, 5, 1))
    dates = [business.end(day) for day in ("2026-05-01", "2026-04-03", "2026-03-06")]
    known = snapshots(History.of(business), dates, "28d")
    for name, bounds in content["bounds"].items():
        low, high = np.quantile(known[name], [0.05, 0.95])
        assert (bounds["low"], bounds["high"]) == pytest.approx((low, high), rel=1e-5)
    assert content["reference"]["customers"] == known["customer_id"].nunique()
    assert content["reference"]["dates"] == ["2026-03-06", "2026-04-03", "2026-05-01"]
    assert json.loads((business.folder / FROZEN).read_text("utf-8")) == content
    assert [path.name for path in business.folder.glob("*scorecard*")] == [FROZEN]


def test_frozen_bounds_make_the_scorecard_and_do_not_move(made):
    business = made("active_days = {weight = 1}\ninteractions = {weight = 1, low = 0, high = 7}")
    content = freeze(business)
    card = Scorecard.of(Business.open(business.folder))
    bounds = {part.feature: (part.low, part.high) for part in card.components}
    assert bounds == {"active_days": tuple(content["bounds"]["active_days"].values()), "interactions": (0, 7)}
    assert content["reference"]["starts"] == "2026-01-01"
    assert content["reference"]["ends"] == "2026-06-01"


def test_a_cap_comes_before_the_percentile(made):
    capped = freeze(made("interactions = {weight = 1, cap = 3}"))["bounds"]["interactions"]
    assert capped["high"] == 3


@pytest.mark.parametrize(
    ("components", "message"),
    [
        ("active_days = {weight = 1, low = 0, high = 9}", "nothing to freeze"),
        ("duration_s = {weight = 1}", "duration_s: is known of no customer in the reference period"),
        ("distinct_actions = {weight = 1}", "distinct_actions: is 1 for at least nine in ten customers"),
    ],
)
def test_a_component_that_cannot_be_frozen_is_named_with_the_way_out(made, components, message):
    business = made(components)
    with pytest.raises(DataError, match=message):
        freeze(business)
    assert not (business.folder / FROZEN).exists()


def test_a_period_that_is_too_short_or_before_the_data_is_refused(made):
    business = made()
    with pytest.raises(DataError, match="from 2026-05-10 to 2026-06-01 is shorter than the score's window of 28d"):
        freeze(business, starts=dt.date(2026, 5, 10))
    with pytest.raises(DataError, match="no interactions before 2025-12-01"):
        freeze(business, ends=dt.date(2025, 12, 1))


def test_a_score_without_bounds_says_how_to_freeze_them(made):
    business = made()
    with pytest.raises(DataError, match=f"active_days: no low and high.*engagekit freeze {business.folder.name}"):
        Scorecard.of(business)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "does not hold frozen bounds"),
        ('{"window": "84d", "bounds": {}}', "was frozen with a window of 84d, not 28d"),
        ('{"window": "28d", "bounds": {"orders": {"low": 0, "high": 1}}}', "has no bounds for active_days"),
        ('{"window": "28d", "bounds": {"active_days": {"low": 5, "high": 1}}}', "low must be below high"),
        ('{"window": "28d", "bounds": {"active_days": {"low": "a", "high": 1}}}', "does not hold frozen bounds"),
    ],
)
def test_a_file_that_holds_no_bounds_is_refused_with_the_way_out(made, content, message):
    business = made()
    (business.folder / FROZEN).write_text(content)
    with pytest.raises(DataError, match=message):
        Scorecard.of(business)


def test_a_log_scale_starts_at_0(made):
    day = dt.date(2026, 5, 20)
    rows = [(f"c{who}", date, "purchase") for date in (day.replace(month=1), day) for who in range(40)]
    business = made('value = {weight = 1, scale = "log"}', rows)
    text = (business.folder / "interactions.csv").read_text()
    lines = [f"{line},{-5 if number % 8 == 0 else number}" for number, line in enumerate(text.splitlines()[1:], 1)]
    (business.folder / "interactions.csv").write_text("\n".join(["customer_id,time,action,value", *lines]))
    settings = business.folder / "business.toml"
    settings.write_text(settings.read_text() + 'value = "value"\n')
    content = freeze(Business.open(business.folder))
    assert content["bounds"]["value"]["low"] == 0
    assert Scorecard.of(Business.open(business.folder)).components[0].scale == "log"
