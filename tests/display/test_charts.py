"""Figures: what they show, and that they become a part of a page."""

import gc
import re
import warnings
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from engagekit.display import charts, drawing, heatmap
from engagekit.display.markup import template_path
from engagekit.errors import DataError
from engagekit.language import LANGUAGES, Language

EN = Language("en")
CSS = template_path("page", "theme.css").read_text("utf-8")
WORDS = {"title": "Sales rose", "subtitle": "IDR a month", "alt": "A line that rises", "source": "Orders"}


def axes(width=10.0, height=4.0):
    return Figure(figsize=(width, height)).add_subplot()


def months(values, half=0.02, partial=(), start="2026-01-01"):
    values = np.array(values, dtype=float)
    frame = pd.DataFrame({"period": pd.date_range(start, periods=len(values), freq="MS"), "value": values})
    frame = frame.assign(low=values - half, high=values + half, warning=None)
    frame.loc[list(partial), "warning"] = "one_unit partial_period"
    return frame


def bars(values, labels=None):
    values = np.array(values, dtype=float)
    labels = labels or [f"campaign {i}" for i in range(len(values))]
    return pd.DataFrame({"label": labels, "value": values, "low": values * 0.9, "high": values * 1.1})


def cohorts(number, first_age=0):
    starts = pd.date_range("2025-01-01", periods=number, freq="MS")
    rows = [
        (start, age, 100 + place, 1.0 if age == 0 else 0.5 / age if place + age < number else None)
        for place, start in enumerate(starts)
        for age in range(first_age, number)
    ]
    return pd.DataFrame(rows, columns=["cohort", "age", "customers", "value"])


def texts(ax):
    return [text.get_text() for text in ax.texts]


def drawn_lines(ax):
    """Dates and values of the curves, without level lines."""
    return [line for line in ax.lines if len(line.get_xdata()) > 0 and line.get_color() == drawing.PALETTE["accent"]]


def trend(frame, ax=None, language=EN, unit="rate", **options):
    return charts.plot_trend(frame, ax or axes(), language, unit=unit, **options)


def svgs(html):
    return re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)


def test_a_line_ends_in_its_last_value():
    assert texts(trend(months([0.10, 0.20, 0.315]))) == ["31.5%"]


def test_the_last_value_has_the_decimals_of_its_metric():
    assert texts(trend(months([0.1, 0.0325]))) == ["3.2%"]
    assert texts(trend(months([0.0012, 0.0325]))) == ["3.25%"]
    assert texts(trend(months([0.1, 0.0325]), decimals=2)) == ["3.25%"]
    assert texts(trend(months([40, 42]), unit="points")) == ["42.0"]


@pytest.mark.parametrize(
    ("code", "last", "month"),
    [
        ("id", "Rp1,25 juta", "Mei 26"),
        ("ms", "IDR1.25 juta", "Mei 26"),
        ("en", "IDR1.25 million", "May 26"),
    ],
)
def test_labels_are_written_in_the_language_of_the_report(code, last, month):
    ax = trend(
        months([1e6, 1.25e6], half=1e5, start="2026-04-01"),
        language=Language(code),
        unit="money",
        currency="IDR",
    )
    assert texts(ax) == [last]
    assert month in [label.get_text() for label in ax.get_xticklabels()]


@pytest.mark.parametrize(
    ("length", "names"),
    [
        ("7D", ["1 January 2026", "8 January 2026", "15 January 2026", "22 January 2026"]),
        ("3MS", ["Jan 26", "Apr 26", "Jul 26", "Oct 26"]),
    ],
)
def test_weeks_and_quarters_are_one_line(length, names):
    frame = months([0.1, 0.2, 0.3, 0.4])
    ax = trend(frame.assign(period=pd.date_range("2026-01-01", periods=4, freq=length)))
    assert [len(line.get_xdata()) for line in drawn_lines(ax)] == [4, 4]
    assert sorted(label.get_text() for label in ax.get_xticklabels()) == sorted(names)


@pytest.mark.parametrize("absent", [False, True])
def test_a_month_without_a_value_leaves_a_gap(absent):
    frame = months([0.1, 0.2, None, 0.3, 0.4])
    ax = trend(frame.drop(index=2) if absent else frame)
    for line in drawn_lines(ax):
        assert np.diff(np.sort(ax.convert_xunits(line.get_xdata()).astype(float))).max() <= 31
    assert all(len(line.get_xdata()) == 2 for line in drawn_lines(ax))


def test_a_month_between_two_gaps_is_a_point_with_its_interval():
    ax = trend(months([0.1, 0.1, None, 0.3, None, 0.2, 0.2]))
    stems = [path.vertices[:, 1].tolist() for group in ax.collections[1:] for path in group.get_paths()]
    assert [pytest.approx(stem) for stem in ([0.28, 0.32],)] == stems[:1]


def test_a_partial_month_is_hollow_hatched_and_named():
    ax = trend(months([0.3, 0.32, 0.1], partial=[2]))
    dots = next(group for group in ax.collections if len(group.get_offsets()) == 3)
    assert [to_hex(face) for face in dots.get_facecolors()] == [drawing.PALETTE["accent"]] * 2 + [
        drawing.PALETTE["paper"]
    ]
    assert [patch.get_hatch() for patch in ax.patches] == ["////"]
    assert "Incomplete month" in texts(ax)


def test_the_solid_line_stops_before_a_partial_month():
    lines = drawn_lines(trend(months([0.3, 0.32, 0.1], partial=[2])))
    assert {line.get_linestyle(): len(line.get_xdata()) for line in lines} == {"-": 2, ":": 3}


def test_full_months_are_neither_hatched_nor_hollow():
    assert not trend(months([0.3, 0.32])).patches


def test_a_single_month_is_drawn():
    html = drawing.draw(lambda ax: trend(months([0.3]), ax, target=0.35), **WORDS)
    assert html.count(">30%<") >= 2
    assert html.count(">Target 35.0%<") == 2


def test_a_target_is_named_and_keeps_clear_of_the_last_value():
    html = drawing.draw(lambda ax: trend(months([0.2, 0.22, 0.23]), ax, target=0.231), **WORDS)
    heights = {}
    for text in ElementTree.fromstring(svgs(html)[0]).iter("text"):
        heights[text.text] = float(text.get("y"))
    assert heights["23.0%"] - heights["Target 23.1%"] >= drawing.FONT_SIZE


def test_a_missing_target_is_no_line():
    assert texts(trend(months([0.1, 0.2]), target=float("nan"))) == ["20.0%"]


def test_a_line_starts_at_zero_only_where_zero_is_near():
    assert trend(months([0.05, 0.2])).get_ylim()[0] == 0
    assert trend(months([0.5, 0.52])).get_ylim()[0] > 0.4


def test_a_rate_is_not_drawn_beyond_one_hundred_per_cent():
    ax = trend(months([0.97, 1.0], half=0.0))
    assert ax.get_ylim()[1] == 1
    assert ax.get_yticklabels()[-1].get_text() == "100%"


@pytest.mark.parametrize("number", [1, 2, 7, 18, 40, 130])
def test_the_last_month_is_named_and_names_do_not_crowd(number):
    ax = trend(months(np.linspace(0.1, 0.2, number)))
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert 1 <= len(names) <= 11
    assert EN.month(months(range(number))["period"].iloc[-1], "short") in names


def test_nothing_to_draw_is_said():
    empty = months([None, None])
    with pytest.raises(ValueError, match="no month has a value"):
        trend(empty)
    with pytest.raises(ValueError, match="no month has a value"):
        trend(months([]))
    with pytest.raises(ValueError, match="no customer has a score"):
        charts.plot_score(pd.Series([], dtype=float), axes(), EN, cuts=(40, 70))
    with pytest.raises(ValueError, match="no cohort has a value"):
        charts.plot_cohorts(cohorts(0), axes(), EN)
    with pytest.raises(ValueError, match="no cohort has a value after its month of arrival"):
        charts.plot_cohorts(cohorts(1), axes(), EN)
    with pytest.raises(ValueError, match="no row has a value"):
        charts.plot_bars(bars([None]), axes(), EN, unit="rate")


def test_scores_on_a_cut_belong_to_the_segment_above():
    ax = charts.plot_score(pd.Series([39.9, 40, 69.9, 70, None]), axes(), EN, cuts=(40, 70))
    assert texts(ax) == ["At risk\n▼ 25%", "Potential\n◆ 50%", "Advocates\n▲ 25%"]


def test_bars_of_scores_count_every_customer_from_zero():
    scores = pd.Series(np.linspace(0, 100, 501))
    ax = charts.plot_score(scores, axes(), EN, cuts=(33, 85))
    assert sum(bar.get_height() for bar in ax.patches) == 501
    assert max(bar.get_y() + bar.get_height() for bar in ax.patches) == 26  # 95 to 100, both with their ends
    assert ax.get_ylim()[0] == 0


def test_segments_keep_their_colours_when_one_is_empty():
    ax = charts.plot_score(pd.Series([80.0, 90.0]), axes(), EN, cuts=(40, 70))
    assert {to_hex(bar.get_facecolor()) for bar in ax.patches if bar.get_height()} == {drawing.PALETTE["advocate"]}


def test_cohorts_leave_blank_what_is_not_lived_through():
    ax = charts.plot_cohorts(cohorts(4), axes(), EN)
    assert texts(ax)[:-1] == ["50%", "25%", "17%", "50%", "25%", "50%"]
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "Jan 25 (100)",
        "Feb 25 (101)",
        "Mar 25 (102)",
    ]


def test_the_month_of_arrival_is_left_out_even_where_not_everyone_was_there():
    frame = cohorts(2).assign(value=[0.9, 0.5, 1.0, None])
    ax = charts.plot_cohorts(frame, axes(), EN)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1"]


def test_a_narrow_axes_shows_fewer_ages_and_a_low_one_the_latest_cohorts():
    wide, narrow = (charts.plot_cohorts(cohorts(18), axes(width, 4), EN) for width in (10, 4))
    assert len(wide.get_xticks()) > len(narrow.get_xticks())
    assert [label.get_text() for label in narrow.get_xticklabels()] == ["1", "2", "3", "6"]
    assert len(wide.get_yticks()) < 17
    assert wide.get_yticklabels()[-1].get_text() == "May 26 (116)"


@pytest.mark.parametrize("values", [[0.5, 0.52], [-3.0, 5.0], [-2.0, -1.0]])
def test_zero_is_on_the_axis_of_bars(values):
    low, high = charts.plot_bars(bars(values), axes(), EN, unit="points").get_xlim()
    assert low <= 0 <= high


def test_of_more_than_twelve_bars_the_largest_are_drawn_and_the_rest_counted():
    ax = charts.plot_bars(bars(range(1, 16)), axes(), EN, unit="count")
    assert len(ax.patches) == 12
    assert ax.get_yticklabels()[0].get_text() == "campaign 14"
    assert ax.get_xlabel() == "and 3 more"


def test_bars_of_the_same_name_stay_apart():
    ax = charts.plot_bars(bars([1, 2], ["Ramadan", "Ramadan"]), axes(), EN, unit="count")
    assert [bar.get_width() for bar in ax.patches] == [1, 2]


def test_a_long_name_is_shortened():
    ax = charts.plot_bars(bars([1.0], ["x" * 200]), axes(), EN, unit="count")
    assert ax.get_yticklabels()[0].get_text() == "x" * 33 + "…"


def test_drawing_leaves_its_input_as_it_was():
    for frame, plot in (
        (months([0.1, None, 0.3], partial=[2]), lambda f: trend(f)),
        (cohorts(5), lambda f: charts.plot_cohorts(f, axes(), EN)),
        (bars(range(15)), lambda f: charts.plot_bars(f, axes(), EN, unit="count")),
    ):
        before = frame.copy(deep=True)
        plot(frame)
        pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "Rp $1_000^$ x", "$x$", r"\frac{", "{{7*7}}", 'a="b" & id="c"']
)
def test_a_name_is_literal_text_in_a_figure(name):
    html = drawing.draw(lambda ax: charts.plot_bars(bars([1.0], [name]), ax, EN, unit="count"), **WORDS)
    assert "<script" not in html
    for svg in svgs(html):
        assert name in [text.text for text in ElementTree.fromstring(svg).iter("text")]


def test_a_name_with_dollars_is_literal_outside_a_page_too():
    ax = charts.plot_bars(bars([1.0], ["Rp $1_000^$ x"]), axes(), EN, unit="count")
    ax.figure.canvas.draw()
    assert ax.get_yticklabels()[0].get_text() == "Rp $1_000^$ x"


@pytest.mark.parametrize("name", ["Kopi 😀", "漢字の店", "قهوة", "कॉफ़ी", "ꦏꦺꦴꦥꦶ", "a\u202eb\x00c"])
def test_a_name_in_any_script_is_drawn_without_a_warning(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        html = drawing.draw(lambda ax: charts.plot_bars(bars([1.0], [name]), ax, EN, unit="count"), **WORDS)
    assert not re.search("[\u202e\x00]", html)


def draw_trend(values=(0.1, 0.2, 0.3)):
    return drawing.draw(lambda ax: trend(months(values, partial=[2]), ax, target=0.25), **WORDS)


@pytest.mark.parametrize("collecting", [True, False])
def test_a_plot_that_fails_leaves_the_garbage_collector_as_it_was(collecting):
    (gc.enable if collecting else gc.disable)()
    try:
        with pytest.raises(ZeroDivisionError):
            drawing.draw(lambda ax: 1 / 0, **WORDS)
        assert gc.isenabled() == collecting
    finally:
        gc.enable()


def test_a_figure_is_the_same_bytes_every_time():
    assert draw_trend() == draw_trend()


def test_a_figure_is_the_same_bytes_where_numbers_differ_in_their_last_bit():
    rates = [0.1, 0.2, 0.3, 0.7 / 3]
    nudged = [np.nextafter(rate, 1) for rate in rates]
    one, other = (
        drawing.draw(lambda ax, v=v: charts.plot_bars(bars(v), ax, EN, unit="rate"), **WORDS) for v in (rates, nudged)
    )
    assert one == other


def test_a_figure_says_what_it_shows_and_carries_no_prolog_date_or_address():
    html = draw_trend()
    assert html.count('role="img" aria-label="A line that rises"') == 2
    assert html.count("<svg viewBox=") == 2
    assert not re.search(r"<\?xml|<!DOCTYPE|<metadata|http|xlink|<style|Matplotlib", html)


def test_ids_of_two_figures_never_meet_and_every_reference_is_met():
    drawings = svgs(draw_trend()) + svgs(draw_trend((0.3, 0.2, 0.1)))
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in drawings]
    assert sum(map(len, ids)) == len(set.union(*ids))
    for svg, own in zip(drawings, ids, strict=True):
        assert set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg)) == own


def test_colours_follow_the_theme_and_text_the_font_of_the_page():
    plots = (
        lambda ax: trend(months([0.1, 0.2, 0.3], partial=[2]), ax, target=0.2),
        lambda ax: charts.plot_score(pd.Series(range(100)), ax, EN, cuts=(40, 70)),
        lambda ax: charts.plot_cohorts(cohorts(9), ax, EN),
        lambda ax: charts.plot_bars(bars(range(15)), ax, EN, unit="count"),
    )
    for plot in plots:
        html = drawing.draw(plot, **WORDS)
        assert not re.search(r"(fill|stroke): #[0-9a-f]{6}", html)
        assert set(re.findall(r"var\(--([\w-]+)\)", html)) <= drawing.PALETTE.keys()
        assert "DejaVu" not in html


def test_figures_are_light_enough_for_a_page_of_many():
    heaviest = drawing.draw(lambda ax: charts.plot_cohorts(cohorts(18), ax, EN), **WORDS, height=470)
    usual = drawing.draw(lambda ax: trend(months(np.linspace(0.1, 0.2, 24)), ax), **WORDS)
    assert len(heaviest.encode()) < 100_000
    assert len(usual.encode()) < 30_000


def test_the_theme_has_the_palette_and_no_two_roles_share_a_colour():
    light = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", CSS.split("@media")[0]))
    assert light == drawing.PALETTE
    assert len(set(light.values())) == len(light)


def luminance(colour):
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_colours_differ_without_hue_and_numbers_read_on_the_heat_map(dark):
    theme = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", CSS.split("@media")[int(dark)]))
    segments = [theme[name] for name in ("at-risk", "potential", "advocate")]
    assert min(contrast(a, b) for a in segments for b in segments if a != b) >= 1.5
    assert min(contrast(colour, theme["paper"]) for colour in segments) >= 3
    heat = [theme[f"heat-{step}"] for step in range(len(heatmap.HEAT))]
    away = [contrast(colour, theme["paper"]) for colour in heat]
    assert away == sorted(away)
    for step, colour in enumerate(heat):
        over = theme["ink"] if step < heatmap.HEAT_UNDER_INK else theme["paper"]
        assert contrast(colour, over) >= 4.5


@pytest.mark.parametrize("code", LANGUAGES)
def test_segments_and_targets_have_words_in_every_language(code):
    language = Language(code)
    ax = charts.plot_score(pd.Series([10.0, 50, 90]), axes(), language, cuts=(40, 70))
    assert len(texts(ax)) == 3
    assert "50" in texts(trend(months([40, 42], half=6), language=language, unit="points", target=50))[-1]


def test_given_segments_take_the_place_of_the_cuts():
    scores = pd.Series([38.0, 50.0, None, 90.0])
    ax = charts.plot_score(
        scores, axes(), EN, cuts=(40, 70), segments=pd.Series(["potential", "potential", None, "advocate"])
    )
    assert [text.get_text() for text in ax.texts] == ["At risk\n▼ 0%", "Potential\n◆ 67%", "Advocates\n▲ 33%"]


# Survival and calibration


def curves(**ends):
    parts = [
        pd.DataFrame({"segment": name, "days": [0.0, 30, 60], "value": [1, (1 + end) / 2, end]})
        for name, end in ends.items()
    ]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(low=frame["value"] * 0.9, high=(frame["value"] * 1.1).clip(upper=1))


THREE = {"at_risk": "▼", "potential": "◆", "advocate": "▲"}


@pytest.mark.parametrize("width", [10.0, 4.5])
def test_each_curve_is_named_once_and_has_its_marker_in_its_own_colour(width):
    ax = charts.plot_survival(curves(at_risk=0.4, potential=0.7, advocate=0.9), axes(width), EN)
    lines = [line for line in ax.lines if len(line.get_xdata()) > 2]
    assert [line.get_drawstyle() for line in lines] == ["steps-post"] * 3
    assert ax.get_ylim() == (0, 1)
    names = [text for text in texts(ax) if text not in THREE.values()]
    assert sorted(names) == ["Advocates 90%", "At risk 40%", "Potential 70%"]
    by_end = sorted(lines, key=lambda line: line.get_ydata()[-1])
    for (segment, marker), line in zip(THREE.items(), by_end, strict=True):
        colour = drawing.PALETTE[segment.replace("_", "-")]
        marks = [text for text in ax.texts if text.get_text() == marker]
        assert {to_hex(mark.get_color()) for mark in marks} == {to_hex(line.get_color())} == {colour}
        assert marks[0].xy == (60, line.get_ydata()[-1])  # at the end of its curve


@pytest.mark.parametrize("width", [10.0, 4.5])
def test_a_marker_stands_before_its_name(width):
    ax = charts.plot_survival(curves(at_risk=0.4, potential=0.7, advocate=0.9), axes(width), EN)
    for name, marker in (("At risk 40%", "▼"), ("Potential 70%", "◆"), ("Advocates 90%", "▲")):
        named = next(text for text in ax.texts if text.get_text() == name)
        mark = [text for text in ax.texts if text.get_text() == marker][-1]
        assert mark.xy == named.xy
        assert mark.xyann[0] < named.xyann[0]
        assert mark.xyann[1] == named.xyann[1]


@pytest.mark.parametrize("width", [10.0, 4.5])
def test_labels_of_curves_that_end_together_do_not_cover_each_other(width):
    ax = charts.plot_survival(curves(at_risk=0.70, potential=0.705, advocate=0.71), axes(width), EN)
    heights = sorted({text.xy[1] for text in ax.texts if text.xy[0] == 60})
    assert len(heights) == 3
    assert (np.diff(heights) * ax.bbox.height / ax.figure.dpi * 72 >= 19.9).all()


def test_without_segments_there_is_one_curve_and_no_key():
    ax = charts.plot_survival(curves(**{"": 0.5}), axes(), EN)
    assert texts(ax) == ["50%"]
    with pytest.raises(ValueError, match="no curve"):
        charts.plot_survival(curves(at_risk=0.4).iloc[:0], axes(), EN)


def test_calibration_shows_each_group_beside_the_line_where_both_are_alike():
    groups = pd.DataFrame({"chance": [0.1, 0.5], "value": [0.2, 0.4], "low": [0.1, 0.3], "high": [0.3, 0.6]})
    ax = charts.plot_calibration(groups, axes(), EN)
    diagonal = next(line for line in ax.lines if line.get_linestyle() == "--")
    assert (diagonal.get_xdata() == diagonal.get_ydata()).all()
    points = ax.collections[-1].get_offsets().tolist()
    assert points == [[0.1, 0.2], [0.5, 0.4]]
    assert texts(ax) == ["Share that left"]
    assert 0.5 < ax.get_xlim()[1] < 0.6 < ax.get_ylim()[1] < 0.7  # the highest probability is .5, of a bound .6
    with pytest.raises(ValueError, match="no group has a value"):
        charts.plot_calibration(groups.assign(value=np.nan), axes(), EN)


@pytest.mark.parametrize("width", [10.0, 4.5])
def test_calibration_gives_room_to_many_small_probabilities_beside_a_high_one(width):
    chance = [0.01, 0.015, 0.02, 0.03, 0.05, 0.4]
    groups = pd.DataFrame({"chance": chance, "value": chance, "low": 0.0, "high": np.add(chance, 0.05)})
    ax = charts.plot_calibration(groups, axes(width), EN)
    left, right = ax.transData.transform([(0.01, 0), (0.05, 0)])[:, 0] / ax.bbox.width
    assert right - left > 0.15  # on even axes (.05 - .01) / .4 = .1
    assert ax.get_xlabel() == "Predicted probability\nsmall values are drawn further apart"
    for axis, length, apart in ((ax.xaxis, ax.bbox.width, 50), (ax.yaxis, ax.bbox.height, 24)):
        ticks = axis.get_ticklocs()
        places = np.sqrt(ticks) / np.sqrt(axis.get_view_interval()[1]) * length / ax.figure.dpi * 72
        assert (np.diff(places) >= apart).all()
        assert len(ticks) >= 4
        written = [label.get_text() for label in axis.get_ticklabels()]
        assert [float(text.rstrip("%")) for text in written] == pytest.approx(100 * ticks)


def test_calibration_of_even_probabilities_has_even_axes():
    chance = np.linspace(0.05, 0.5, 10)
    groups = pd.DataFrame({"chance": chance, "value": chance, "low": chance / 2, "high": chance * 1.5})
    ax = charts.plot_calibration(groups, axes(), EN)
    assert ax.get_xscale() == ax.get_yscale() == "linear"
    assert ax.get_xlabel() == "Predicted probability"


def test_a_curve_of_many_times_is_drawn_by_the_day_at_its_own_values():
    """30,000 times in 30 days: the start, and the last step of each day, where it was."""
    days = np.arange(30_001) / 1_000
    many = pd.DataFrame({"segment": "", "days": days, "value": 1 - days / 100, "low": 0.6, "high": 1.0})
    ax = charts.plot_survival(many, axes(), EN)
    x, y = max((line.get_data() for line in ax.lines), key=lambda data: len(data[0]))
    assert list(x) == pytest.approx(list(range(31)))
    assert list(y) == pytest.approx([1 - day / 100 for day in range(31)])


def test_a_heat_map_goes_from_the_lowest_to_the_highest_value_and_leaves_what_is_not_known_blank():
    grid = pd.DataFrame({"basic": [20, None], "pro": [70, 120]}, index=["Bandung", "Jakarta"])
    ax = charts.plot_heatmap(grid, axes(), Language("id"), unit="points")
    assert texts(ax) == ["20", "70", "120"]
    levels = ax.collections[0].get_array()
    assert levels.filled(-1).tolist() == [[0, 3], [-1, 5]]  # 50 of 100 points are half of six steps
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Bandung", "Jakarta"]
    with pytest.raises(ValueError, match="no cell has a value"):
        charts.plot_heatmap(grid * np.nan, axes())


def test_names_that_have_no_room_side_by_side_are_slanted():
    grid = pd.DataFrame([range(20)], columns=[f"campaign {n}" for n in range(20)])
    narrow, wide = (charts.plot_heatmap(grid.iloc[:, :n], axes(10)).get_xticklabels() for n in (20, 3))
    assert {label.get_rotation() for label in narrow} == {45}
    assert {label.get_rotation() for label in wide} == {0}


# Frames that cannot be drawn

GROUPS = pd.DataFrame({"chance": [0.1, 0.5], "value": [0.2, 0.4], "low": [0.1, 0.3], "high": [0.3, 0.6]})
PLOTS = {
    "trend": (months([0.1, 0.2]), lambda frame: trend(frame)),
    "bars": (bars([1, 2]), lambda frame: charts.plot_bars(frame, axes(), EN, unit="count")),
    "calibration": (GROUPS, lambda frame: charts.plot_calibration(frame, axes(), EN)),
    "survival": (curves(advocate=0.9), lambda frame: charts.plot_survival(frame, axes(), EN)),
    "cohorts": (cohorts(3), lambda frame: charts.plot_cohorts(frame, axes(), EN)),
}
COLUMNS = [(name, column) for name, (frame, _) in PLOTS.items() for column in frame if column != "warning"]


@pytest.mark.parametrize(("name", "column"), COLUMNS)
def test_a_column_that_is_absent_is_named(name, column):
    frame, plot = PLOTS[name]
    with pytest.raises(DataError, match=rf"^{column}: is not a column\. There are: "):
        plot(frame.drop(columns=column))


@pytest.mark.parametrize("wrong", [np.inf, -np.inf, "many"])
@pytest.mark.parametrize("name", PLOTS)
def test_what_is_no_finite_number_is_named(name, wrong):
    frame, plot = PLOTS[name]
    frame = frame.astype({"value": object})
    frame.loc[frame.index[1], "value"] = wrong
    with pytest.raises(DataError, match="^value: holds something else than a number"):
        plot(frame)


@pytest.mark.parametrize("name", ["calibration", "survival", "cohorts"])
@pytest.mark.parametrize("wrong", [-0.1, 1.1, 40])
def test_a_share_is_from_0_to_1(name, wrong):
    frame, plot = PLOTS[name]
    frame = frame.copy()
    frame.loc[frame.index[1], "value"] = wrong
    with pytest.raises(DataError, match="value: holds something else than a number from 0 to 1"):
        plot(frame)


def test_two_groups_in_one_figure_are_refused():
    for name, message in (("trend", "period: must be a date, another one"), ("cohorts", "cohort: has two rows")):
        frame, plot = PLOTS[name]
        with pytest.raises(DataError, match=message):
            plot(pd.concat([frame, frame]))


def test_words_that_are_not_known_are_named():
    with pytest.raises(ValueError, match="unit: 'percent' is not known. There are: count"):
        trend(months([0.1, 0.2]), unit="percent")
    with pytest.raises(DataError, match="segment: 'Advocates' is not a segment. Did you mean advocate"):
        charts.plot_survival(curves(Advocates=0.5), axes(), EN)
    with pytest.raises(DataError, match="period: must be a date"):
        trend(months([0.1, 0.2]).assign(period=["May", "June"]))


@pytest.mark.parametrize("score", [-1, 100.5, np.inf])
def test_a_score_beyond_the_scale_is_refused_and_its_customer_is_not_in_the_message(score):
    with pytest.raises(DataError, match="score: holds something else than a number from 0 to 100") as error:
        charts.plot_score(pd.Series([50.0, score]), axes(), EN, cuts=(40, 70))
    assert error.value.value == score
    assert "100.5" not in str(error.value)


@pytest.mark.parametrize("cuts", [(70, 40), (40,), (-1, 50), (50, 101)])
def test_cuts_rise_within_the_scale(cuts):
    with pytest.raises(ValueError, match="cuts: .* must be two numbers from 0 to 100"):
        charts.plot_score(pd.Series([50.0]), axes(), EN, cuts=cuts)


def test_a_segment_belongs_to_each_score():
    with pytest.raises(ValueError, match="segments: 1 for 2 scores"):
        charts.plot_score(pd.Series([50.0, 60]), axes(), EN, cuts=(40, 70), segments=pd.Series(["advocate"]))


def test_a_value_without_an_interval_is_drawn():
    ax = trend(months([0.1, 0.2]).assign(low=np.nan, high=np.nan))
    assert texts(ax) == ["20.0%"]


def test_a_frame_without_warnings_is_drawn_and_its_months_are_whole():
    assert not trend(months([0.1, 0.2]).drop(columns="warning")).patches


@pytest.mark.parametrize("freq", ["QS", "7D", "MS"])
def test_quarters_and_weeks_are_a_line_without_gaps_too(freq):
    frame = months([0.1, 0.2, 0.3, 0.2]).assign(period=pd.date_range("2026-01-01", periods=4, freq=freq))
    assert [len(line.get_xdata()) for line in drawn_lines(trend(frame))] == [4, 4]


def test_a_curve_whose_last_share_is_unknown_ends_before_it():
    frame = curves(advocate=0.9)
    frame.loc[2, "value"] = np.nan
    assert "Advocates 95%" in texts(charts.plot_survival(frame, axes(), EN))


def test_a_base_that_was_watched_for_no_time_is_drawn():
    ax = charts.plot_survival(curves(advocate=0.9).head(1), axes(), EN)
    assert "Advocates 100%" in texts(ax)
    assert ax.get_xlim() == (0, 1)


def test_a_bar_without_a_name_has_a_dash():
    ax = charts.plot_bars(bars([1, 2], ["email", None]), axes(), EN, unit="count")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["email", "–"]
