"""A section: what it keeps back, and what it shows in Jupyter and on the page."""

import json

import pandas as pd
import pytest

from engagekit.display import pseudonyms
from engagekit.display.section import MIME, Figure, Section, html_of, safe_table
from engagekit.language import Language

SMALL = pd.DataFrame({"plan": ["a", "b", "c", "d"], "customers": [40, 31, 4, 9], "churn": [0.1, 0.2, 0.7654, 0.3456]})


def drawn(table, ax):
    ax.bar(table["plan"], table["churn"].fillna(0))
    return ax


def section(table=SMALL, **options):
    def told(safe):
        return f"Most: {safe['churn'].max():.1%} of {safe['customers'].max():.0f}"

    figure = Figure(drawn, "Churn by plan", "share", "subscriptions.csv")
    return Section("Who leaves?", table, told, people="customers", figure=figure, **options)


def outputs(shown):
    """Everything that a notebook keeps of it."""
    return json.dumps(shown._repr_mimebundle_()) + repr(shown)


def test_small_groups_stand_in_no_part_of_a_section():
    shown = section()
    assert shown.table["churn"].isna().tolist() == [False, False, True, True]  # 9 could be worked out of the total
    text = outputs(shown)
    assert "0.7654" not in text
    assert "76.5" not in text
    assert "0.3456" not in text
    assert "Most: 20.0% of 40" in text
    assert shown.alt == "Most: 20.0% of 40"


def test_two_small_groups_hide_each_other():
    two = SMALL.assign(customers=[40, 3, 4, 9])
    assert safe_table(two, "customers")["churn"].isna().tolist() == [False, True, True, False]


def test_a_group_of_nobody_is_no_secret():
    nobody = SMALL.assign(customers=[40, 31, 0, 9])
    assert safe_table(nobody, "customers")["customers"].tolist() == [40, 31, 0, 9]


def test_the_table_given_stays_as_it_was():
    given = SMALL.copy()
    section(given)
    pd.testing.assert_frame_equal(given, SMALL)


def test_ids_are_shown_to_an_analyst_and_hidden_by_a_run(monkeypatch):
    people = pd.DataFrame({"customer_id": ["0812-555", "0813-777"], "score": [1.0, 2.0]})
    listed = {"question": "Who?", "table": people}
    assert "0812-555" in outputs(Section(**listed))
    monkeypatch.delenv(pseudonyms.KEY, raising=False)
    monkeypatch.setitem(pseudonyms._shown, "hidden", True)
    monkeypatch.setitem(pseudonyms._shown, "names", dict)
    pseudonyms.stand_for(lambda: ["0811-111", "0813-777", "0812-555"])
    text = outputs(Section(**listed))
    assert "0812-555" not in text
    assert "0813-777" not in text
    assert [row[0] for row in Section(**listed).payload["table"]["rows"]] == ["2", "3"]  # their rank among all
    assert pseudonyms.without_ids(people.set_index("customer_id")).index.tolist() == ["2", "3"]


def test_plot_draws_on_axes_that_are_given_or_new():
    from matplotlib.figure import Figure as Drawing

    ax = Drawing().add_subplot()
    assert section().plot(ax) is ax
    assert len(ax.patches) == 4
    with pytest.raises(ValueError, match="has no figure"):
        Section("Why?", answer="So.").plot()


def test_a_payload_is_json_and_makes_the_same_html():
    bundle = section(notes=["Of the last month."])._repr_mimebundle_()
    again = json.loads(json.dumps(bundle[MIME]))
    assert html_of(again) in bundle["text/html"]
    assert bundle["text/plain"] == "Who leaves?\nMost: 20.0% of 40"
    assert again["figure"]["wide"] != again["figure"]["narrow"]


def test_what_comes_from_data_is_escaped():
    hostile = pd.DataFrame({"<script>": ["<img onerror=x>"], "customers": [9]})
    html = html_of(Section("<b>?", hostile, "a < b").payload)
    assert "<script>" not in html
    assert "<img" not in html
    assert "<b>" not in html


def test_numbers_that_are_in_no_words_yet_are_written_by_the_page():
    frame = pd.DataFrame({"day": pd.to_datetime(["2026-01-05"]), "value": [1234.5], "none": [None]})
    payload = Section("?", frame).payload
    assert payload["table"]["rows"] == [["2026-01-05", 1234.5, None]]
    assert "<td>1.234,5</td>" in html_of(payload, Language("id"))
    large = Section("?", pd.DataFrame({"day": ["a"], "value": [407404000], "small": [0.00123]})).payload
    assert "<td>407,404,000</td>" in html_of(large)
    assert "<td>0.0012</td>" in html_of(large)
