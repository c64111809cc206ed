import datetime as dt
import re
import string
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engagekit
from engagekit.customers.features import FEATURES
from engagekit.data.tables import TABLES, TYPES
from engagekit.language import LANGUAGES, Language, decimals_of, decimals_supported
from engagekit.metrics.catalog import CHANNELS, METRICS
from engagekit.score.scorecard import SEGMENTS

LOCALES = Path(engagekit.__file__).parent / "locales"


def flat(node, prefix=""):
    if isinstance(node, str):
        return {prefix: node}
    return {
        key: text for name, child in node.items() for key, text in flat(child, f"{prefix}.{name}".strip(".")).items()
    }


FILES = {code: sorted((LOCALES / code).glob("*.toml")) for code in LANGUAGES}
TEXTS = {
    code: {key: text for path in paths for key, text in flat(tomllib.loads(path.read_text("utf-8"))).items()}
    for code, paths in FILES.items()
}


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("code", ["id", "ms"])
def test_the_languages_say_the_same_things(code):
    assert TEXTS[code].keys() == TEXTS["en"].keys()


@pytest.mark.parametrize("code", ["id", "ms"])
def test_the_languages_fill_in_the_same_values(code):
    for key, text in TEXTS["en"].items():
        if not key.endswith(".formula"):
            assert placeholders(TEXTS[code][key]) == placeholders(text), key


def test_everything_that_a_report_can_name_has_a_word():
    wanted = {f"metric.{name}.{part}" for name in METRICS for part in ("title", "meaning", "formula", "caveat")}
    wanted |= {f"unit.{metric.unit}" for metric in METRICS.values()}
    cautions = {getattr(metric, name, "") for metric in METRICS.values() for name in ("caution", "above_one")}
    wanted |= {f"warning.{caution}" for caution in cautions if caution}
    wanted |= {f"channel.{channel}" for channel in CHANNELS}
    wanted |= {f"table.{table}" for table in TABLES} | {f"feature.{name}" for name in FEATURES}
    wanted |= {f"segment.{segment}{end}" for segment in SEGMENTS for end in ("", "_action")}
    checks = {check.name for table in TABLES.values() for column in table.columns.values() for check in column.checks}
    wanted |= {f"refused.{reason}" for reason in checks | {"missing"}}
    wanted |= {f"refused.not_{kind}" for kind in TYPES if kind not in ("id", "label", "text")}
    assert wanted <= TEXTS["en"].keys()


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("key", ["warning", "reason"])
def test_every_warning_and_reason_that_the_page_of_metrics_json_names_has_words(code, key):
    page = (Path(__file__).parents[1] / "docs" / "metrics-json.md").read_text("utf-8")
    (meaning,) = re.findall(rf"^\| `{key}` \| str \|(.*)\|$", page, re.MULTILINE)
    named = {word for word in re.findall(r"`(\w+)`", meaning) if word != "value"}
    assert {f"{key}.{name}" for name in named} == {text for text in TEXTS[code] if text.startswith(f"{key}.")}


def test_every_warning_and_reason_has_words_where_the_code_names_it_and_no_other_has():
    code = "".join(path.read_text("utf-8") for path in LOCALES.parent.rglob("*.py"))
    for key in TEXTS["en"]:
        if key.startswith(("warning.", "reason.")):
            assert f'"{key.split(".")[1]}"' in code
    warned = set(re.findall(r'warning\[[^]]+\] = "(\w+)"', code)) | set(re.findall(r'\["(\w+)"\] \* \(', code))
    assert {"few_units", "few_carry_it", "few_values"} <= warned
    assert {f"warning.{name}" for name in warned} <= TEXTS["en"].keys()


def test_a_table_of_words_stands_in_one_file_of_the_same_name_in_every_language():
    tables = {
        code: [(path.name, name) for path in paths for name in tomllib.loads(path.read_text("utf-8"))]
        for code, paths in FILES.items()
    }
    assert tables["id"] == tables["ms"] == tables["en"]
    names = [name for _, name in tables["en"]]
    assert len(names) == len(set(names))


def test_a_missing_text_names_the_key_and_the_file():
    with pytest.raises(KeyError, match=r"no\.such\.text has no text in locales/id/"):
        Language("id").text("no.such.text")


def test_an_unknown_language_is_refused():
    with pytest.raises(ValueError, match="language: 'fr' is not known"):
        Language("fr")


def test_values_are_filled_in_literally():
    assert "{business} {{7*7}}" in Language("en").text("points.better", names="{business} {{7*7}}")


@pytest.mark.parametrize(
    ("code", "number", "percent", "money"),
    [
        ("id", "1.234.567,5", "4,08%", "Rp45.250"),
        ("ms", "1,234,567.5", "4.08%", "RM45,250.00"),
        ("en", "1,234,567.5", "4.08%", "£45,250.00"),
    ],
)
def test_numbers_are_written_as_people_write_them_there(code, number, percent, money):
    language = Language(code)
    currency = {"id": "IDR", "ms": "MYR", "en": "GBP"}[code]
    assert language.number(1234567.5, 1) == number
    assert language.percent(49 / 1200, 2) == percent
    assert language.money(45_250, currency) == money


def test_large_amounts_are_put_in_words():
    assert Language("id").money(1_250_000, "IDR") == "Rp1,25 juta"
    assert Language("ms").money(1_250_000, "MYR") == "RM1.25 juta"
    assert Language("en").money(8_911_407.9, "GBP") == "£8.91 million"
    assert Language("en").money(-2_000_000, "GBP") == "-£2 million"


def test_what_is_missing_is_a_dash_and_never_a_number():
    language = Language("en")
    nan = float("nan")
    assert {language.number(nan), language.percent(None), language.money(nan, "GBP")} == {"–"}
    assert language.amount(float("inf"), "points", "GBP") == "–"


def test_hours_say_so():
    assert [Language(code).amount(0.25, "hours", "GBP", 2) for code in LANGUAGES] == ["0,25 jam", "0.25 jam", "0.25 h"]
    assert Language("en").amount(float("nan"), "hours", "GBP") == "–"


def test_days_and_months_have_their_names():
    day = dt.date(2026, 8, 1)
    assert [Language(code).date(day) for code in LANGUAGES] == [
        "1 Agustus 2026",
        "1 Ogos 2026",
        "1 August 2026",
    ]
    assert Language("id").month(day, "short") == "Agu 26"


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_no_more_decimals_than_a_tenth_of_the_half_width(middle, half):
    places = decimals_supported(middle - half, middle + half)
    assert 0 <= places <= 2
    if 0 < places < 2 and half > 1e-3 * abs(middle):
        assert 10**-places <= half * 1.001


def test_decimals_of_a_number_are_those_it_was_given_with():
    assert [decimals_of(value) for value in (40, 0.1 + 0.2, 3.25)] == [0, 1, 2]
