"""The lexicon of sentiment in Indonesian, Malay and English, and how a typed word is looked up in it."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["LANGUAGES", "Word", "emoticons", "is_listed", "looked_up", "phrases", "stop_words"]

LANGUAGES = ("id", "ms", "en")
WEIGHTS = {"very_good": 2.0, "good": 1.0, "neutral": 0.0, "bad": -1.0, "very_bad": -2.0}
ROLES = ("negation", "less", "intensifier", "diminisher", "contrast")
MALAY, ENGLISH = ("id", "ms"), ("en",)
ENDINGS: list[tuple[str, tuple[str, ...]]] = [
    *((end, MALAY) for end in ("nya", "lah", "kah", "kan", "an", "ku", "mu", "pun", "i")),
    *((end, ENGLISH) for end in ("ly", "ing", "ed", "es", "s", "er", "ness")),
]
BEGINNINGS = ("ter", "ber", "meng", "meny", "mem", "men", "me", "peng", "pem", "pen", "di", "se", "ke", "ny", "ng")
SHORTEST = 4  # letters that remain without an ending or a beginning
THRICE = re.compile(r"(\w)\1{2,}")
LAST_TWICE = re.compile(r"(\w)\1+$")
DOUBLED = re.compile(r"^(\w{2,}?)(?:-\1(?:nya|an)?|2)$")  # cepat-cepat, cepat2


@dataclass(frozen=True)
class Word:
    """What the lexicon says of a word.

    Attributes
    ----------
    form : str
        As it stands in the lexicon.
    weight : float
        -2 to 2; 0 of a word without an opinion.
    role : {"", "negation", "less", "intensifier", "diminisher", "contrast"}
    languages : tuple of str
        Whose lists have it.
    differs : mapping of str to float
        Its weight by language, where it praises in one and not in another.
    """

    form: str
    weight: float = 0.0
    role: str = ""
    languages: tuple[str, ...] = LANGUAGES
    differs: Mapping[str, float] = field(default_factory=dict)


@cache
def looked_up(typed: str) -> Word | None:
    """Find the word of the lexicon that a typed word is a form of; None where there is none.

    Tried in this order: the word itself and its usual spelling, letters typed many times as two and as one, a doubled
    word once, and the word without an ending, without a beginning, and without both.

    Parameters
    ----------
    typed : str
        In small letters.

    Examples
    --------
    >>> [looked_up(typed).form for typed in ("enak", "bgt", "baguuusss", "cepat-cepat", "ramahnya", "goooood")]
    ['enak', 'banget', 'bagus', 'cepat', 'ramah', 'good']
    >>> looked_up("lieferung") is None
    True
    """
    words, spelling = _words(), _spelling()
    for form, languages in _forms(typed):
        known = words.get(spelling.get(form, form))
        if known and set(languages).intersection(known.languages):
            return known
    return None


def is_listed(word: str) -> bool:
    """Whether the lexicon has a word in this very form."""
    return word in _words()


def _forms(typed: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Forms under which a typed word may stand in the lexicon, the likeliest first, and in which languages."""
    spelt = (typed, THRICE.sub(r"\1\1", typed), THRICE.sub(r"\1", typed), LAST_TWICE.sub(r"\1", typed))
    for form in dict.fromkeys(spelt):
        yield form, LANGUAGES
        once = DOUBLED.match(form)
        if once:
            yield once[1], LANGUAGES
        ends = [(form[: -len(end)], languages) for end, languages in ENDINGS if form.endswith(end)]
        yield from ((stem, languages) for stem, languages in ends if len(stem) >= SHORTEST)
        for stem, _ in [(form, MALAY), *(each for each in ends if each[1] is MALAY)]:
            begun = (stem[len(begin) :] for begin in BEGINNINGS if stem.startswith(begin))
            yield from ((rest, MALAY) for rest in begun if len(rest) >= SHORTEST)


@cache
def emoticons() -> dict[str, str]:
    """The emoji that stands for each emoticon."""
    typed: dict[str, str] = _data()["emoticons"]
    return typed


@cache
def phrases() -> dict[str, Word]:
    """Phrases of two words, joined by ``_``, each in the form of the lexicon, with their weights or roles."""
    made, spelling = {}, _spelling()
    for kind, listed in _data()["phrases"].items():
        for phrase in listed.split():
            name = "_".join(spelling.get(word, word) for word in phrase.split("_"))
            made[name] = Word(name, WEIGHTS.get(kind, 0.0), kind if kind in ROLES else "")
    return made


@cache
def stop_words() -> frozenset[str]:
    """Function words of the three languages and their spellings, negations and intensifiers too."""
    kinds = ("function", *ROLES)
    words = {word for language in LANGUAGES for kind in kinds for word in _data()[language][kind].split()}
    return frozenset(words | {typed for typed, form in _spelling().items() if form in words})


@cache
def _data() -> dict[str, Any]:
    file = resources.files("engagekit") / "customers" / "lexicon.toml"
    return tomllib.loads(file.read_text("utf-8"))


@cache
def _spelling() -> dict[str, str]:
    return {typed: form for form, variants in _data()["spelling"].items() for typed in variants.split()}


@cache
def _words() -> dict[str, Word]:
    """Every word of the lexicon; of one in several lists the strongest weight and the first role count."""
    weights: dict[str, float] = {}
    roles: dict[str, str] = {}
    languages: dict[str, dict[str, None]] = {}
    for language in LANGUAGES:
        for kind, listed in _data()[language].items():
            for word in listed.split():
                languages.setdefault(word, {})[language] = None
                weights[word] = max(weights.get(word, 0.0), WEIGHTS.get(kind, 0.0), key=abs)
                roles[word] = roles.get(word) or (kind if kind in ROLES else "")
    made = {name: Word(name, weights[name], roles[name], tuple(languages[name])) for name in languages}
    emoji = {each: weight for kind, weight in WEIGHTS.items() for each in _data()["emoji"].get(kind, "").split()}
    made |= {each: Word(each, weight) for each, weight in emoji.items()} | phrases()
    return made | {name: Word(name, languages=tuple(own), differs=own) for name, own in _data()["differs"].items()}
