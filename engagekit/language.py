"""Words, numbers, money and dates in Indonesian, Malay and English."""

import datetime as dt
import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, TypeGuard

from babel import dates, numbers

from engagekit.errors import did_you_mean

__all__ = ["LANGUAGES", "Language", "decimal_and_group", "decimals_of", "decimals_supported"]

LANGUAGES = {"id": "id", "ms": "ms", "en": "en_GB"}
COMPACT_FROM = 1_000_000
BY_CHANNEL = {"interactions_": "interactions", "preferred_channel_": "preferred_channel"}  # prefixes of features
MISSING = "–"


@dataclass(frozen=True)
class Language:
    """A language of the reports: its words, and how it writes numbers, money and dates.

    Parameters
    ----------
    code : {"id", "ms", "en"}
        Indonesian, Malay or English.

    Examples
    --------
    >>> Language("id").money(1_250_000, "IDR")
    'Rp1,25 juta'
    >>> Language("en").text("unit.customer", n="4,338")
    '4,338 customers'
    """

    code: str

    def __post_init__(self) -> None:
        if self.code not in LANGUAGES:
            raise ValueError(f"language: {self.code!r} is not known. {did_you_mean(self.code, LANGUAGES)}")

    @property
    def locale(self) -> str:
        """Name of the Babel locale."""
        return LANGUAGES[self.code]

    def text(self, key: str, /, **values: object) -> str:
        """Text of a dotted key in ``locales/<code>/``, with values for its ``{names}``.

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
        return str(text).format(**values) if values else str(text)

    def feature(self, name: str) -> str:
        """Name of a feature; the name of a business's own attribute is not translated.

        Examples
        --------
        >>> Language("en").feature("interactions_social")
        'Interactions: social'
        """
        known: dict[str, str] = _texts(self.code)["feature"]
        for prefix, feature in BY_CHANNEL.items():
            if name not in known and name.startswith(prefix):
                return f"{known[feature]}: {name.removeprefix(prefix)}"
        return known.get(name, name)

    def question(self, template: str) -> str:
        """Question that a template's report answers; empty for a template that the kit does not ship.

        Examples
        --------
        >>> Language("en").question("engagement")
        'How engaged are our customers?'
        """
        known: dict[str, str] = _texts(self.code)["question"]
        return known.get(template, "")

    def number(self, value: float | None, decimals: int = 0) -> str:
        """Write a number with a fixed count of decimals; a dash where it is missing."""
        if not _known(value):
            return MISSING
        return str(numbers.format_decimal(value, format=_pattern(decimals), locale=self.locale))

    def percent(self, fraction: float | None, decimals: int = 1) -> str:
        """Write a fraction as a percentage, in the form of the locale: 0.0408 is 4.1 %."""
        if not _known(fraction):
            return MISSING
        return str(numbers.format_percent(fraction, format=_pattern(decimals) + "%", locale=self.locale))

    def money(self, value: float | None, currency: str, decimals: int | None = None) -> str:
        """Write an amount of money; from a million on with a word for the size (Rp1,25 juta)."""
        if not _known(value):
            return MISSING
        symbol = str(numbers.get_currency_symbol(currency, locale=self.locale))
        if abs(value) >= COMPACT_FROM:
            compact = numbers.format_compact_decimal(
                abs(value), format_type="long", locale=self.locale, fraction_digits=2
            )
            return f"{'-' if value < 0 else ''}{symbol}{compact}"
        digits = numbers.get_currency_precision(currency) if decimals is None else decimals
        digits = 0 if currency == "IDR" else digits
        return f"{'-' if value < 0 else ''}{symbol}{self.number(abs(value), digits)}"

    def amount(self, value: float | None, unit: str, currency: str, decimals: int | None = None) -> str:
        """Write a number in the unit of a metric: ``rate``, ``money``, ``hours``, ``points`` ..."""
        if unit == "money":
            return self.money(value, currency, decimals)
        if unit == "rate":
            return self.percent(value, 1 if decimals is None else decimals)
        number = self.number(value, decimals or 0)
        return self.text(f"unit.{unit}", n=number) if unit in ("hours", "seconds") and number != MISSING else number

    def date(self, day: dt.date) -> str:
        """Write a day: 1 Oktober 2026."""
        return str(dates.format_date(day, "d MMMM y", locale=self.locale))

    def month(self, day: dt.date, width: str = "long") -> str:
        """Write the month of a day: Oktober 2026, or Okt 26 where ``width`` is ``short``."""
        pattern = "LLLL y" if width == "long" else "LLL yy"
        return str(dates.format_date(day, pattern, locale=self.locale))


def decimal_and_group(code: str) -> tuple[str, str]:
    """Decimal mark and thousands separator of a language.

    Examples
    --------
    >>> decimal_and_group("id")
    (',', '.')
    """
    locale = Language(code).locale
    return str(numbers.get_decimal_symbol(locale)), str(numbers.get_group_symbol(locale))


def decimals_supported(low: float, high: float) -> int:
    """Decimals, 0 to 2, that an interval supports: no digit is finer than a tenth of its half-width.

    Examples
    --------
    >>> decimals_supported(38.2, 46.1), decimals_supported(4.03, 4.13)
    (0, 2)
    """
    half = (high - low) / 2
    if not math.isfinite(half) or half <= 0:
        return 1
    return min(max(math.ceil(-math.log10(half) - 1e-9), 0), 2)


def decimals_of(value: float) -> int:
    """Decimals, 0 to 2, that a number has.

    Examples
    --------
    >>> decimals_of(40.0), decimals_of(0.5), decimals_of(1 / 3)
    (0, 1, 2)
    """
    return next((places for places in (0, 1) if math.isclose(value, round(value, places))), 2)


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _pattern(decimals: int) -> str:
    return "#,##0" + ("." + "0" * decimals if decimals else "")


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
