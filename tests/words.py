"""Words that readers must not meet: those that are wrong in a language, and English in an Indonesian or Malay page."""

import re
import tomllib
from functools import cache
from html import unescape
from pathlib import Path

import engagekit
from engagekit.data.tables import TABLES
from engagekit.metrics.catalog import METRICS

LOCALES = Path(engagekit.__file__).parent / "locales"
NEVER = {  # whole words
    "id": (
        "banci bila budak cacah dicocokkan galat gampang hantaran horizon jendela kalian kamu kanal kepergian "
        "keterikatan kiriman kontak meramal pantat peluang peramal pergi pos-el ragam sendirian seronok signifikan "
        "surel"
    ),
    "ms": (
        "acak anggota awak bagian banci beda berbeda berkas bila bisa bisnis bobot butuh capaian dikocok email "
        "gampang hantaran jawaban karena keciciran kelekatan kolom korang lalai layanan maka membutuhkan merek pantat "
        "pemergian pendapatan pergi poin ragam rata-rata seronok signifikan situs survei tabel tanggal tetingkap "
        "tingkat uang ufuk undian"
    ),
    "en": ("carry flicker horizon lest mend mind noise rung surely tells told"),
}
NEVER_TOGETHER = {
    "id": ("mengambil gambar", "berisiko pergi", "di mana", "yang mana", "hasil per biaya", "pelanggan-pelanggan"),
    "ms": ("membuat penukaran", "hasil bagi ", "saat itu", "di mana", "yang mana", "pelanggan-pelanggan"),
    "en": ("goes with", "go with", "came of", "lies in", "of whom of"),
}
ALLOWED = {
    ("ms", "undian", "metric.interactions_per_attendee.meaning"),  # a poll, not a lottery
    ("ms", "undian", "describe.attendance.interactions"),
    ("ms", "email", "describe.interactions.channel"),  # a value that the kit knows
}
LOANS = (  # and names
    "A/B test, Average precision, BG/NBD, Bahasa, bounce rate, Brier, Champions, churn, Customer Effort Score, "
    "customer engagement, English, email, Gradient boosting, boosting, Kaplan-Meier, lead, leads, lift, log loss, "
    "Net Promoter Score, odds, open rate, platform, referral, ROC AUC, detractor, spam, stickiness, upselling, "
    "cross-selling, win-back, funnel, onboarding, Gamma-Gamma, shifted beta-geometric, first touch, last touch, "
    "linear touch"
)
LOANED = re.compile(r"\b(?:" + "|".join(sorted(LOANS.split(", "), key=len, reverse=True)) + r")\b", re.IGNORECASE)
NAMES = re.compile(
    r"[\w./-]*[\w-]+\.(?:csv|toml|xlsx|json|skops|html|load|components|tsv|parquet)\b|\w+_\w+|\[[\w.]+\]"
)
PARTS = re.compile(r"<(script|style|code)\b.*?</\1>|<[^>]+>", re.DOTALL)
COLUMN = re.compile(
    r"<td[^>]*>(?:" + "|".join({name for table in TABLES.values() for name in table.columns}) + r")</td>"
)
WORD = re.compile(r"[^\W\d_]{2,}")


def flat(node, prefix=""):
    """Texts of a locale by their dotted keys."""
    if isinstance(node, str):
        return {prefix: node}
    return {
        key: text for name, child in node.items() for key, text in flat(child, f"{prefix}.{name}".strip(".")).items()
    }


@cache
def texts(code):
    """All texts of a language."""
    read = [tomllib.loads(path.read_text("utf-8")) for path in sorted((LOCALES / code).glob("*.toml"))]
    return {key: text for each in read for key, text in flat(each).items()}


def read_words(text):
    """Words that a reader sees of a locale's text: without the names of what is filled in."""
    return re.sub(r"\{\w+(?::([^}]*))?\}", lambda name: (name[1] or "").replace("|", " "), text)


def forbidden(code, key, text):
    """Words of a text that are never used in its language."""
    seen = read_words(text).lower()
    words = set(re.findall(r"[\w-]+", seen))
    found = [word for word in NEVER[code].split() if word in words] + [w for w in NEVER_TOGETHER[code] if w in seen]
    return [word for word in found if (code, word, key) not in ALLOWED]


@cache
def vocabulary(code):
    """Words of a language's texts, in small letters."""
    written = (
        read_words(text)
        for key, text in texts(code).items()
        if not (key.startswith("describe.") or key.endswith((".formula", "languages.en")))
    )
    return {word.lower() for text in written for word in WORD.findall(_plain(text))}


def _plain(text):
    """Text without names of files, columns and settings, and without loan words."""
    return LOANED.sub(" ", NAMES.sub(" ", text))


def english_in(html, code, own=()):
    """English words of the kit in an Indonesian or Malay page.

    Words that the language has too, loan words, names of files and columns, code and sources are not among them; nor
    are ``own`` texts of the business, such as names of its campaigns and products.
    """
    seen = unescape(PARTS.sub(" ", COLUMN.sub("<td></td>", html)))
    names = sorted({metric.reference for metric in METRICS.values()} | {*own}, key=len, reverse=True)
    seen = re.sub(rf"(?<!\w)(?:{'|'.join(map(re.escape, filter(None, names)))})(?!\w)", " ", seen)
    words = {word.lower() for word in WORD.findall(_plain(seen))}
    return (words & vocabulary("en")) - vocabulary(code)
