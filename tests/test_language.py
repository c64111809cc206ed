import datetime as dt
import re
import string
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from words import LOCALES, texts

from engagekit.customers.features import FEATURES
from engagekit.customers.signals import SIGNALS
from engagekit.data.tables import TABLES, TYPES
from engagekit.language import LANGUAGES, Language, decimal_and_group, decimals_of, precision
from engagekit.metrics.catalog import CHANNELS, METRICS
from engagekit.reports.churning import GROUPS
from engagekit.score.scorecard import SEGMENTS

FILES = {code: sorted((LOCALES / code).glob("*.toml")) for code in LANGUAGES}
TEXTS = {code: texts(code) for code in LANGUAGES}


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
    wanted |= {f"table.{table}" for table in TABLES} | {f"feature.{name}" for name in (*FEATURES, *SIGNALS)}
    wanted |= {f"group.{group}" for group in GROUPS}
    wanted |= {f"segment.{segment}{end}" for segment in SEGMENTS for end in ("", "_action")}
    checks = {check.name for table in TABLES.values() for column in table.columns.values() for check in column.checks}
    wanted |= {f"refused.{reason}" for reason in checks | {"missing"}}
    wanted |= {f"refused.not_{kind}" for kind in TYPES if kind not in ("id", "label", "text")}
    assert wanted <= TEXTS["en"].keys()


def test_every_column_is_described_and_the_english_words_are_those_of_its_contract():
    described = {
        f"describe.{table}.{name}": column.description
        for table, contract in TABLES.items()
        for name, column in contract.columns.items()
    }
    assert {key: text for key, text in TEXTS["en"].items() if key.startswith("describe.")} == described


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
            assert re.search(rf'" ?{key.split(".")[1]}"', code)
    warned = set(re.findall(r'warning\[[^]]+\] = "(\w+)"', code)) | set(re.findall(r'\["(\w+)"\] \* \(', code))
    assert {"few_units", "few_carry_it", "uneven_money", "few_values"} <= warned
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
    assert Language("en").money(-2_000_000, "GBP") == "−£2 million"
    assert Language("ms").money(999_999_999, "MYR") == "RM1 bilion"


def test_what_is_missing_is_a_dash_and_never_a_number():
    language = Language("en")
    nan = float("nan")
    assert {language.number(nan), language.percent(None), language.money(nan, "GBP")} == {"–"}
    assert language.amount(float("inf"), "points", "GBP") == "–"


def test_money_has_the_decimals_of_its_currency():
    assert Language("en").money(6.1, "GBP") == "£6.10"
    assert Language("en").money(1204.166, "GBP") == "£1,204.17"
    assert Language("en").amount(6.1, "money", "GBP", 1) == "£6.10"
    assert Language("id").money(76_263.8, "IDR") == "Rp76.264"
    assert Language("en").money(19.6, "GBP", 0) == "£20"


def test_a_duration_under_an_hour_is_in_minutes():
    written = {hours: [Language(code).amount(hours, "hours", "GBP") for code in LANGUAGES] for hours in (0.19, 1.25)}
    assert written[0.19] == ["11 menit", "11 minit", "11 min"]
    assert written[1.25] == ["1,2 jam", "1.2 jam", "1.2 h"]
    assert Language("en").amount(0.019, "hours", "GBP") == "1.1 min"
    assert Language("en").amount(float("nan"), "hours", "GBP") == "–"


def test_one_thing_is_not_written_as_many():
    assert [Language("en").text("unit.day", n=n) for n in (1, "1", "2", "1,001", "")] == [
        "1 day",
        "1 day",
        "2 days",
        "1,001 days",
        " days",
    ]
    assert Language("en").text("unit.customer", n="fewer than 5") == "fewer than 5 customers"
    assert Language("id").text("unit.day", n="1") == "1 hari"
    assert (
        Language("en").text("score.less", points=1, date="1 May 2026", parts="Orders −1").startswith("Down 1 point s")
    )


@pytest.mark.parametrize("code", LANGUAGES)
def test_channels_have_the_readers_names(code):
    named = {name: Language(code).value("channel", name) for name in ("web", "app", "store", "email", "social")}
    assert (
        named
        == {
            "id": {"web": "situs web", "app": "aplikasi", "store": "toko", "email": "email", "social": "media sosial"},
            "ms": {"web": "tapak web", "app": "aplikasi", "store": "kedai", "email": "e-mel", "social": "media sosial"},
            "en": {"web": "website", "app": "app", "store": "shop", "email": "email", "social": "social media"},
        }[code]
    )
    assert Language(code).value("channel", "Instagram") == "Instagram"
    assert Language(code).value("channel", "Toko Braga") == "Toko Braga"
    assert Language(code).value("campaign", "email") == "email"


def test_a_change_has_a_sign_and_nothing_has_none():
    assert [Language("id").change(by, 1) for by in (3, -3.25, 0, -0.01)] == ["+3,0", "−3,2", "0,0", "0,0"]


def test_a_minus_is_no_hyphen_and_zero_has_none():
    assert Language("id").number(-0.01, 2) == "−0,01"
    assert [Language("en").number(value, 1) for value in (-0.0, -0.04)] == ["0.0", "0.0"]
    assert Language("en").percent(-0.0001, 1) == "0.0%"
    assert Language("en").money(-0.001, "GBP") == "£0.00"


WORDS = {"million": 1e6, "juta": 1e6, "billion": 1e9, "miliar": 1e9, "bilion": 1e9, "trillion": 1e12}
WORDS |= {"triliun": 1e12, "trilion": 1e12}


def read_back(code, text):
    """Number, decimals and digits that a reader sees, and what one unit of it is worth."""
    mark, group = decimal_and_group(code)
    digits = re.search(rf"[\d{re.escape(mark + group)}]+", text)[0].replace(group, "")
    sign = -1 if "−" in text else 1
    worth = next((size for word, size in WORDS.items() if word in text), 1)
    worth /= 100 if "%" in text else 60 if text.endswith((" menit", " minit", " min")) else 1
    places = len(digits.partition(mark)[2])
    return sign * float(digits.replace(mark, ".")) * worth, places, worth


@pytest.mark.parametrize("code", LANGUAGES)
@given(
    metric=st.sampled_from(sorted(METRICS)),
    exponents=st.lists(st.floats(-6, 12), min_size=1, max_size=4),
    negative=st.booleans(),
    width=st.floats(0, 2),
)
def test_every_number_of_a_metric_is_printed_alike_and_can_be_read_back(code, metric, exponents, negative, width):
    unit, currency = METRICS[metric].measured_in, {"id": "IDR", "ms": "MYR", "en": "GBP"}[code]
    own = 0 if code == "id" else 2
    values = [(-1 if negative else 1) * 10**exponent for exponent in exponents]
    values = [float(round(value)) for value in values] if unit == "count" else values
    places = precision(unit, values)
    for value in values:
        for number in (value, value * (1 - width), value * (1 + width)):
            text = Language(code).amount(number, unit, currency, places)
            read, shown, worth = read_back(code, text)
            assert "-" not in text
            assert ("−" in text) == (read < 0)
            if worth >= WORDS["million"]:
                assert read == pytest.approx(number, rel=0.006)
            else:
                expected = own if unit == "money" else max(places - 2, 0) if worth == 1 / 60 else places
                assert shown == expected
                assert abs(read - number) <= 0.5 * worth * 10**-expected + 1e-9 * abs(number)
            if number == value and unit not in ("count", "money"):
                digits = re.sub(r"\D", "", text).lstrip("0")
                assert len(digits) >= 2 or read == value


def test_decimals_do_not_depend_on_the_interval_and_small_values_have_more():
    assert precision("rate", [0.0392, 0.04]) == 1
    assert precision("ratio", [1.596]) == 1
    assert precision("rate", [0.0004, 0.02]) == 3
    assert [precision(unit, [0.0, None]) for unit in ("rate", "points", "count", "seconds")] == [1, 1, 0, 0]
    assert [precision("hours", [hours]) for hours in (26, 1.25, 0.19, 0.15)] == [1, 1, 1, 3]


def test_days_and_months_have_their_names():
    day = dt.date(2026, 8, 1)
    assert [Language(code).date(day) for code in LANGUAGES] == [
        "1 Agustus 2026",
        "1 Ogos 2026",
        "1 August 2026",
    ]
    assert Language("id").month(day, "short") == "Agu 26"


def test_decimals_of_a_number_are_those_it_was_given_with():
    assert [decimals_of(value) for value in (40, 0.1 + 0.2, 3.25)] == [0, 1, 2]
