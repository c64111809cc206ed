"""Personal data in texts: addresses, numbers and names are masked before a text is shown."""

import re
from typing import Any

import narwhals as nw

from engagekit.customers.lexicon import looked_up, stop_words
from engagekit.customers.voice import texts_of

__all__ = ["masked"]

THING = (
    r"(?:order|pesanan|invoice|invois|faktur|resi|tracking|tiket|ticket|rekening|akaun|akun|account|booking|tempahan)"
)
COUNT = r"(?:no|nomor|nombor|number|id)"
OWN = r"(?:\s(?:saya|aku|kami|my))?"
NUMBERED = rf"(?:{THING}{OWN}\s{COUNT}|{COUNT}[.:]?\s{THING})"
MARKED = r"[.:]?\s?"
CODE = r"[\w/#-]+"
DASH = "[ –—-]"
DATE = r"(?!\d\d?[./-]\d\d?[./-](?:19|20)\d\d\b|(?:19|20)\d\d-\d\d-\d\d\b|(?:19|20)\d\d[ –—-](?:19|20)\d\d\b)"
BEGINS = rf"(?<![\w.,])(?<!\d[/–—-]){DATE}"  # a number that is no part of another and no date
SITES = r"(?:com|net|org|co|id|my|sg|me|io|app|shop|store|link|ee)"
PATTERNS = [  # in this order
    (re.compile(r"[\w.+-]{1,64}\s?(?:@|[(\[]at[)\]])\s?[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}", re.IGNORECASE), "[email]"),
    (re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE), "[link]"),
    (re.compile(rf"\b[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,3}}\.{SITES}/\S+", re.IGNORECASE), "[link]"),
    (re.compile(r"(?<!\w)@\w[\w.]*"), "[name]"),
    (
        re.compile(rf"\b({NUMBERED}\b{OWN}{MARKED})[:#]?\s?(?=[A-Z/-]{{0,9}}\d){CODE}", re.IGNORECASE),
        r"\1[number]",
    ),
    (re.compile(rf"\b({COUNT}\b{OWN}{MARKED})[:#]?\s?(?=[A-Z/-]{{0,9}}\d[\w/#-]){CODE}", re.IGNORECASE), r"\1[number]"),
    (
        re.compile(
            rf"\b({THING}\b{OWN}{MARKED})[:#]?\s?(?=[A-Z/-]{{0,9}}\d{{3}}|[A-Z]{{1,9}}[/-]\d){CODE}", re.IGNORECASE
        ),
        r"\1[number]",
    ),
    (re.compile(r"#\s?\w{0,9}\d[\w-]*"), "[number]"),
    (re.compile(r"\b\d{2,6}/[A-Z]{2,6}/\d[\w/-]*", re.IGNORECASE), "[number]"),
    (re.compile(rf"{BEGINS}(?:\+|\(?0|6[025](?=[\d –—-]))[\d(][\d ().–—-]{{5,18}}\d"), "[phone]"),
    (re.compile(rf"{BEGINS}(?!\d000\D\d000)[3689]\d{{3}}{DASH}\d{{4}}(?![\d.,]?\d)"), "[phone]"),
    (
        re.compile(rf"\b((?:call|phone|tele?[fp]on|telp?|hp|wa|hubungi)\b\W{{0,3}})\d{{3}}{DASH}\d{{4}}\b", re.I),
        r"\1[phone]",
    ),
    (re.compile(rf"{BEGINS}\d{{3,6}}(?:{DASH}\d{{2,6}}){{2,5}}"), "[number]"),
    (re.compile(r"\b[A-Z]{1,6}[-/_]?\d{3,}[\w/-]*", re.IGNORECASE), "[number]"),
    (re.compile(r"\d{5,}[\d-]*"), "[number]"),
]
# without any of them there is no address and no number
MAYBE = re.compile(r"[\d@]|\Wat\W|www|http|\.\w{2,5}/", re.IGNORECASE)
TITLE = (
    r"(?:bapak|bpk|pak|bu|ibu|mas|mbak|mba|kak|kakak|bang|abang|encik|en|puan|pn|cik|tuan|mr|mrs|ms|miss|madam|dr|prof|"
    r"datuk|dato|datin|haji|hajah|hj|ustaz|ustadz|sdri?|saudar[ai]|tn|ny|nyonya|om|tante|koh?|cikgu|"
    r"nama saya|my name is|atas nama|a/n|bernama)"
)
NAME = r"[^\W\d_][\w'’-]*"
NAMED = re.compile(
    rf"\b((?:{TITLE}\b(?:\.\s{{0,3}}|\s{{1,3}})){{1,3}})((?:[^\W\d_]\.\s?){{0,3}}({NAME})(?:\s(?:bin|binti|a/l|a/p|al|de|van))?)",
    re.IGNORECASE,
)
MORE = re.compile(rf"(?:\s(?:(?:bin|binti|a/l|a/p)\s)?[^\W\d_a-z]{NAME[8:]}){{1,3}}")
WORD = re.compile(rf"\s({NAME})")
MOST_WORDS = 3  # of a name in small letters
FEWEST_LETTERS = 3  # of a name in small letters


def masked(texts: Any) -> Any:
    """Texts in which personal data is masked: ``[email]``, ``[link]``, ``[phone]``, ``[number]`` and ``[name]``.

    Numbers are those of orders, invoices, accounts and identity cards, and every run of five digits or more. Names are
    handles, and what follows a title such as Pak, Mbak, Encik or Mrs: a word with a capital letter and up to three more
    after it, or a word in small letters that the lexicon does not know. It masks too much rather than too little, and
    cannot know a name without a title.

    Parameters
    ----------
    texts : sequence of str, pandas.Series or polars.Series
        The first 2,000 characters of each are kept.

    Returns
    -------
    list, pandas.Series or polars.Series
        As given, None where there is no text.

    Examples
    --------
    >>> masked(["Pak Budi Santoso, hp 0812-3456-7890, pesanan INV-2026-77", "Kak, kopinya enak di meja 12"])
    ['Pak [name], hp [phone], pesanan [number]', 'Kak, kopinya enak di meja 12']
    """
    series = nw.from_native(texts, series_only=True, pass_through=True)
    if not isinstance(series, nw.Series):
        return [_masked(text) for text in texts_of(texts)]
    made = [_masked(text) for text in texts_of(series.to_list())]
    result = nw.new_series(series.name, made, nw.String, backend=series.implementation).to_native()
    return result.set_axis(series.to_native().index) if series.implementation.is_pandas() else result


def _masked(text: str | None) -> str | None:
    if text is None:
        return None
    for pattern, placeholder in PATTERNS if MAYBE.search(text) else ():
        text = pattern.sub(placeholder, text)
    return _without_names(text)


def _without_names(text: str) -> str:
    """Text without the names that follow a title."""
    parts, done = [], 0
    for match in NAMED.finditer(text):
        if match.start() < done or not _is_name(match[3]):
            continue
        parts += [text[done : match.end(1)], "[name]"]
        done = _end(text, match)
    return "".join([*parts, text[done:]])


def _end(text: str, match: re.Match[str]) -> int:
    """Where a name ends: after further words with a capital, or in small letters that the lexicon does not know."""
    if match[3][0].isupper():
        further = MORE.match(text, match.end())
        return further.end() if further else match.end()
    end = match.end()
    for _ in range(MOST_WORDS - 1):
        word = WORD.match(text, end)
        if word is None or word[1][0].isupper() or not _is_name(word[1]):
            break
        end = word.end()
    return end


def _is_name(word: str) -> bool:
    """Whether a word after a title is a name: capital, or long enough and of no list."""
    if word[0].isupper():
        return word.casefold() not in stop_words()
    return len(word) >= FEWEST_LETTERS and looked_up(word) is None
