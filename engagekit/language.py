"""Words, numbers, money and dates in Indonesian, Malay and English."""

import datetime as dt
import math
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, TypeGuard

from babel import Locale, dates, numbers

from engagekit.errors import did_you_mean

__all__ = ["LANGUAGES", "Language", "decimal_and_group", "decimals_of", "precision", "whole_parts", "whole_percents"]

LANGUAGES = {"id": "id", "ms": "ms", "en": "en_GB"}
COMPACT_FROM = 1_000_000
BY_CHANNEL = {"interactions_": "interactions", "preferred_channel_": "preferred_channel"}  # prefixes of features
MISSING = "–"
MINUS = "−"
PERIOD = re.compile(r"\{period(s?)\}")  # the word for the periods that a report compares
COUNTED = re.compile(r"\{(\w+):([^{}|]*)\|([^{}|]*)\}")  # {n:customer|customers}
FEWEST_DECIMALS = {"rate": 1, "points": 1, "ratio": 1, "hours": 1}
SIGNIFICANT = 2


@dataclass(frozen=True)
class Language:
    """A language of the reports: its words, and how it writes numbers, money and dates.

    Parameters
    ----------
    code : {"id", "ms", "en"}
        Indonesian, Malay or English.
    period : {"month", "week", "quarter"}
        What is compared, which ``{period}`` and ``{periods}`` in a text stand for.

    Examples
    --------
    >>> Language("id").money(1_250_000, "IDR")
    'Rp1,25 juta'
    >>> Language("en").text("unit.customer", n="4,338"), Language("en").text("unit.customer", n="1")
    ('4,338 customers', '1 customer')
    >>> Language("en", "week").text("summary.no_month")
    'There is no week before to compare with.'

    >>> [Language(code).number(1234.5, 1) for code in LANGUAGES], Language("id").percent(0.0408)
    (['1.234,5', '1,234.5', '1,234.5'], '4,1%')
    >>> Language("ms").month(dt.date(2026, 11, 1)), Language("ms").month(dt.date(2026, 11, 1), "short")
    ('November 2026', 'Nov 26')
    >>> Language("en").locale
    'en_GB'
    """

    code: str
    period: str = "month"

    def __post_init__(self) -> None:
        if self.code not in LANGUAGES:
            raise ValueError(f"language: {self.code!r} is not known. {did_you_mean(self.code, LANGUAGES)}")

    @property
    def locale(self) -> str:
        """Name of the Babel locale."""
        return LANGUAGES[self.code]

    def text(self, key: str, /, **values: object) -> str:
        """Text of a dotted key in ``locales/<code>/``, with values for its ``{names}``.

        ``{n:day|days}`` in a text is the form of a word that goes with the number ``n``: the first for one.

        Raises
        ------
        KeyError
            The key has no text in this language.
        """
        text: Any = _texts(self.code)
        for part in key.split("."):
            if part not in text:
                raise KeyError(f"{key} has no text in locales/{self.code}/")
            text = text[part]
        if PERIOD.search(text):
            text = PERIOD.sub(lambda word: str(_texts(self.code)["period"][self.period + word[1]]), text)
            text = text[:1].upper() + re.sub(r"(?<=[.] )[a-z]", lambda letter: letter[0].upper(), text[1:])
        if not values:
            return str(text)
        return COUNTED.sub(lambda form: form[2] if self._is_one(values[form[1]]) else form[3], text).format(**values)

    def _is_one(self, value: object) -> bool:
        try:
            number = numbers.parse_decimal(str(value), locale=self.locale)
        except numbers.NumberFormatError:  # fewer than 5
            return False
        return bool(Locale.parse(self.locale).plural_form(number) == "one")

    def keys(self, table: str) -> list[str]:
        """Keys of a table of the words, in the order of its file.

        Examples
        --------
        >>> Language("en").keys("reason")[:2]
        ['no_rows', 'zero_denominator']
        """
        return list(_texts(self.code)[table])

    def feature(self, name: str) -> str:
        """Name of a feature; the name of a business's own attribute is not translated.

        Examples
        --------
        >>> Language("en").feature("interactions_social")
        'Interactions: social media'
        """
        known: dict[str, str] = _texts(self.code)["feature"]
        for prefix, feature in BY_CHANNEL.items():
            if name not in known and name.startswith(prefix):
                return f"{known[feature]}: {self.value('channel', name.removeprefix(prefix))}"
        return known.get(name, name)

    def value(self, column: str, value: str) -> str:
        """Word for a value that the kit knows of a column, such as a channel; any other is given back as it is.

        Examples
        --------
        >>> [Language("id").value("channel", name) for name in ("social", "whatsapp", "Toko Braga")]
        ['media sosial', 'WhatsApp', 'Toko Braga']
        """
        known: dict[str, str] = _texts(self.code)["value"].get(column, {})
        return known.get(value.casefold(), value)

    def question(self, template: str) -> str:
        """Question that a template's report answers; empty for a template that the kit does not ship.

        Examples
        --------
        >>> Language("en").question("engagement")
        'How engaged are your customers?'
        """
        known: dict[str, str] = _texts(self.code)["question"]
        return known.get(template, "")

    def number(self, value: float | None, decimals: int = 0) -> str:
        """Write a number with a fixed count of decimals; a dash where it is missing."""
        if not _known(value):
            return MISSING
        return _with_minus(numbers.format_decimal(value, format=_pattern(decimals), locale=self.locale))

    def change(self, value: float, decimals: int = 0) -> str:
        """Write a number with its sign.

        Examples
        --------
        >>> Language("en").change(3), Language("en").change(-3), Language("en").change(-0.2)
        ('+3', '−3', '0')
        """
        written = self.number(value, decimals)
        return f"+{written}" if value > 0 and _has_digit(written) else written

    def percent(self, fraction: float | None, decimals: int = 1) -> str:
        """Write a fraction as a percentage, in the form of the locale: 0.0408 is 4.1 %."""
        if not _known(fraction):
            return MISSING
        return _with_minus(numbers.format_percent(fraction, format=_pattern(decimals) + "%", locale=self.locale))

    def percent_change(self, fraction: float) -> str:
        """Write a relative change with its sign, in whole per cent.

        Examples
        --------
        >>> Language("en").percent_change(0.052), Language("en").percent_change(-0.3)
        ('+5%', '−30%')
        """
        written = self.percent(fraction, 0)
        return f"+{written}" if fraction > 0 and _has_digit(written) else written

    def money(self, value: float | None, currency: str, decimals: int | None = None) -> str:
        """Write an amount of money with its currency's own decimals, or with none where ``decimals`` is 0.

        From a million on it has a word for the size (Rp1,25 juta).
        """
        if not _known(value):
            return MISSING
        symbol = str(numbers.get_currency_symbol(currency, locale=self.locale))
        if abs(value) >= COMPACT_FROM:
            rounded = float(f"{abs(value):.5g}")  # 999,999,999 is 1 billion and not 1000 million
            written = numbers.format_compact_decimal(rounded, format_type="long", locale=self.locale, fraction_digits=2)
        else:
            own = 0 if currency == "IDR" else numbers.get_currency_precision(currency)
            written = self.number(abs(value), 0 if decimals == 0 else own)
        return _with_minus(f"{'-' if value < 0 else ''}{symbol}{written}")

    def amount(self, value: float | None, unit: str, currency: str, decimals: int | None = None) -> str:
        """Write a number in the unit of a metric: ``rate``, ``money``, ``hours``, ``points`` ...

        Parameters
        ----------
        value : float, optional
            A rate is a fraction.
        unit : str
            ``measured_in`` of the metric.
        currency : str
            Code of the currency of money.
        decimals : int, optional
            ``precision`` of what is printed together; without it that of the value alone.

        Examples
        --------
        >>> [Language("id").amount(value, "hours", "IDR") for value in (0.19, 1.25)]
        ['11 menit', '1,2 jam']
        """
        if not _known(value):
            return MISSING
        if unit == "money":
            return self.money(value, currency, decimals)
        places = precision(unit, [value]) or 0 if decimals is None else decimals
        if unit == "rate":
            return self.percent(value, places)
        if unit == "hours" and abs(value) < 1:
            return self.text("unit.minutes", n=self.number(60 * value, max(places - 2, 0)))
        number = self.number(value, places)
        return self.text(f"unit.{unit}", n=number) if unit in ("hours", "seconds") else number

    def date(self, day: dt.date) -> str:
        """Write a day: 1 Oktober 2026."""
        return str(dates.format_date(day, "d MMMM y", locale=self.locale))

    def month(self, day: dt.date, width: str = "long") -> str:
        """Write the month of a day: Oktober 2026, or Okt 26 where ``width`` is ``short``."""
        pattern = "LLLL y" if width == "long" else "LLL yy"
        return str(dates.format_date(day, pattern, locale=self.locale))

    def named(self, day: dt.date, width: str = "long") -> str:
        """Write the period that starts on a day: its month, the day of a week, the first month of a quarter.

        Examples
        --------
        >>> Language("en", "week").named(dt.date(2026, 11, 2)), Language("en").named(dt.date(2026, 11, 1), "short")
        ('the week of 2 November 2026', 'Nov 26')
        """
        if self.period == "month":
            return self.month(day, width)
        if width == "short":
            return str(dates.format_date(day, "d LLL yy" if self.period == "week" else "QQQ yy", locale=self.locale))
        if self.period == "week":
            return self.text("period.week_of", date=self.date(day))
        return self.text("period.quarter_from", date=self.month(day))


def decimal_and_group(code: str) -> tuple[str, str]:
    """Decimal mark and thousands separator of a language.

    Examples
    --------
    >>> decimal_and_group("id")
    (',', '.')
    """
    locale = Language(code).locale
    return str(numbers.get_decimal_symbol(locale)), str(numbers.get_group_symbol(locale))


def precision(unit: str, values: Iterable[float | None]) -> int | None:
    """Decimals of a metric: one, and more where the smallest of its values has no two significant digits otherwise.

    Counts are whole, seconds and minutes have decimals only below ten. Everything that is printed of a metric has the
    same: its value, interval and target, in a table, a chart and a sentence.

    Parameters
    ----------
    unit : str
        ``measured_in`` of the metric.
    values : iterable of float
        What is printed together, without the bounds of intervals; a rate is a fraction. Zeros and what is missing do
        not count.

    Returns
    -------
    int or None
        Decimals of a rate are those of per cent, of hours those of hours; None for money, whose currency has its own.

    Examples
    --------
    >>> precision("rate", [0.332]), precision("rate", [0.0012, 0.04]), precision("points", [42, None])
    (1, 2, 1)
    >>> precision("count", [1203]), precision("money", [0.5])
    (0, None)
    """
    if unit == "money":
        return None
    sizes = [abs(value) for value in values if _known(value) and value]
    return 0 if unit == "count" else max([FEWEST_DECIMALS.get(unit, 0), *(_needed(unit, size) for size in sizes)])


def decimals_of(value: float) -> int:
    """Decimals, 0 to 2, that a number has.

    Examples
    --------
    >>> decimals_of(40.0), decimals_of(0.5), decimals_of(1 / 3)
    (0, 1, 2)
    """
    return next((places for places in (0, 1) if math.isclose(value, round(value, places))), 2)


def _needed(unit: str, size: float) -> int:
    """Decimals that show two significant digits; hours below one are read in minutes, and have two more of hours."""
    minutes = unit == "hours" and size < 1
    read = size * (100 if unit == "rate" else 60 if minutes else 1)
    places = max(SIGNIFICANT - 1 - math.floor(math.log10(read)), 0)
    return places + 2 if minutes and places else places


def whole_parts(parts: Sequence[float], total: int) -> list[int]:
    """Whole numbers that add up to a total: the parts with the largest remainders are rounded up.

    Parameters
    ----------
    parts : sequence of float
    total : int
        Their sum, up to 1 away as two rounded ends leave it.

    Examples
    --------
    >>> whole_parts([100 / 3] * 3, 100), whole_parts([-20.4, -3.4, 7.4], -17)
    ([34, 33, 33], [-20, -4, 7])
    """
    whole = [math.floor(part) for part in parts]
    order = sorted(range(len(whole)), key=lambda place: (whole[place] - parts[place], place))
    missing = total - sum(whole)
    for place in order[:missing] if missing > 0 else order[missing:] if missing else []:
        whole[place] += 1 if missing > 0 else -1
    return whole


def whole_percents(counts: Sequence[int]) -> list[int]:
    """Whole percentages of counts that add up to 100.

    Examples
    --------
    >>> whole_percents([1, 1, 1])
    [34, 33, 33]
    """
    return whole_parts([100 * count / sum(counts) for count in counts], 100)


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _pattern(decimals: int) -> str:
    return "#,##0" + ("." + "0" * decimals if decimals else "")


def _has_digit(written: str) -> bool:
    return bool(re.search("[1-9]", written))


def _with_minus(written: str) -> str:
    """Put a minus sign for a hyphen, and none before a zero."""
    return written.replace("-", MINUS if _has_digit(written) else "")


@cache
def _texts(code: str) -> dict[str, Any]:
    texts: dict[str, Any] = {}
    folder = resources.files("engagekit") / "locales" / code
    for path in sorted(folder.iterdir(), key=lambda file: file.name):
        read = tomllib.loads(path.read_text("utf-8"))
        if twice := texts.keys() & read.keys():
            raise ValueError(f"locales/{code}/{path.name}: [{min(twice)}] stands in another file too; keep one.")
        texts |= read
    return texts
