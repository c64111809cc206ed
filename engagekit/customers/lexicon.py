"""The lexicon of sentiment in Indonesian, Malay and English, and how a typed word is looked up in it."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

__all__ = ["EMOTICONS", "LANGUAGES", "PHRASES", "STOP_WORDS", "Word", "looked_up"]

LANGUAGES = ("id", "ms", "en")
WEIGHTS = {"very_good": 2.0, "good": 1.0, "bad": -1.0, "very_bad": -2.0, "none": 0.0}
ROLES = ("negation", "less", "intensifier", "diminisher", "contrast")
SHORTEST = 3  # letters that must remain of a word without its ending or beginning
ENDINGS = ("nya", "lah", "kah", "kan", "an", "ku", "mu", "pun", "i", "ly", "ing", "ed", "es", "s", "er", "la", "x")
BEGINNINGS = ("ter", "ber", "meng", "meny", "mem", "men", "me", "peng", "pem", "pen", "di", "se", "ke", "ny", "ng")
REPEATED = re.compile(r"(\w)\1+")
THRICE = re.compile(r"(\w)\1{2,}")
TWICE = re.compile(r"^(\w{2,}?)(?:-\1\w{0,3}|2)$")  # cepat-cepat, cepat2, kemerah-merahan is not


@dataclass(frozen=True)
class Word:
    """What the lexicon says of a word.

    Attributes
    ----------
    form : str
        As it stands in the lexicon.
    polarity : float
        -2 to 2; 0 of a word without an opinion.
    role : {"", "negation", "less", "intensifier", "diminisher", "contrast"}
    languages : tuple of str
        Languages whose list has it, and no other.
    differs : tuple of (str, float)
        Languages in which it has a polarity of its own.
    """

    form: str
    polarity: float = 0.0
    role: str = ""
    languages: tuple[str, ...] = ()
    differs: tuple[tuple[str, float], ...] = ()


def _read() -> dict[str, dict[str, str]]:
    file = resources.files("engagekit") / "customers" / "lexicon.toml"
    read: dict[str, dict[str, str]] = tomllib.loads(file.read_text("utf-8"))
    return read


DATA = _read()
SPELLING = {typed: form for form, variants in DATA["spelling"].items() for typed in variants.split()}
EMOTICONS = DATA["emoticons"]
STOP_WORDS = frozenset(
    word
    for language in LANGUAGES
    for kind in ("function", "negation", "intensifier", "diminisher", "contrast", "less")
    for word in DATA[language][kind].split()
) | {typed for typed, form in SPELLING.items() if form in DATA["id"]["function"].split()}


def _phrases() -> dict[str, float]:
    """Weights of phrases of two words, each word in the form of the lexicon."""
    made = {}
    for name, weight in WEIGHTS.items():
        for phrase in DATA["phrases"].get(name, "").split():
            made["_".join(SPELLING.get(word, word) for word in phrase.split("_"))] = weight
    return made


PHRASES = _phrases()


def _words() -> dict[str, Word]:
    """Every word of the lexicon; of a word in several lists the strongest weight counts."""
    weights: dict[str, float] = {}
    roles: dict[str, str] = {}
    languages: dict[str, list[str]] = {}
    for language in LANGUAGES:
        for kind, listed in DATA[language].items():
            for word in listed.split():
                languages.setdefault(word, []).append(language)
                if kind in WEIGHTS:
                    weights[word] = max(weights.get(word, 0.0), WEIGHTS[kind], key=abs)
                elif kind in ROLES:
                    roles.setdefault(word, kind)
    for name, weight in WEIGHTS.items():
        weights |= dict.fromkeys(DATA["emoji"].get(name, "").split(), weight)
    own: dict[str, dict[str, float]] = DATA["differs"]  # type: ignore[assignment]
    names = dict.fromkeys([*languages, *weights, *own])
    return {
        name: Word(
            name,
            weights.get(name, 0.0),
            roles.get(name, ""),
            tuple(dict.fromkeys(languages.get(name, ()))),
            tuple(own.get(name, {}).items()),
        )
        for name in names
    }


WORDS = _words()


@cache
def looked_up(typed: str) -> Word | None:
    """Find the word of the lexicon that a typed word is a form of; None where there is none.

    Tried in this order: the word itself, its usual spelling, letters typed many times as two and as one, a doubled word
    once, and the word without an ending, without a beginning, and without both.

    Parameters
    ----------
    typed : str
        In small letters.

    Examples
    --------
    >>> [looked_up(typed).form for typed in ("enak", "bgt", "baguuusss", "cepat-cepat", "ramahnya", "goooood")]
    ['enak', 'banget', 'bagus', 'cepat', 'ramah', 'good']
    >>> looked_up("Lieferung") is None
    True
    """
    return next((WORDS[form] for form in _forms(typed) if form in WORDS), None)


def _forms(typed: str) -> Iterator[str]:
    """Forms under which a typed word may stand in the lexicon, the likeliest first."""
    for form in dict.fromkeys((typed, THRICE.sub(r"\1\1", typed), THRICE.sub(r"\1", typed), REPEATED.sub(r"\1", typed))):
        yield SPELLING.get(form, form)
        once = TWICE.match(form)
        if once:
            yield SPELLING.get(once[1], once[1])
        yield from _shortened(form)


def _shortened(form: str) -> Iterator[str]:
    """The word without an ending, without a beginning, and without both."""
    stems = [form, *(form[: -len(end)] for end in ENDINGS if form.endswith(end))]
    for stem in stems:
        if len(stem) >= SHORTEST:
            yield SPELLING.get(stem, stem)
    for stem in stems:
        for begin in BEGINNINGS:
            if stem.startswith(begin) and len(stem) - len(begin) > SHORTEST:
                yield stem[len(begin) :]
