"""Check an answer to an exercise of a lesson, and say in plain words what is wrong with it.

The answers lie in ``exercises/*.toml``, a file a lesson, with the wrong ones that people give and what explains them.
"""

import math
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from engagekit.errors import did_you_mean
from engagekit.language import Language

if TYPE_CHECKING:
    from IPython.display import Markdown

__all__ = ["WrongAnswer", "check", "exercises"]

EXACT, NEARLY = 1e-9, 0.01
KINDS = {float: "number", str: "text", bool: "yes_or_no", frozenset: "list"}


class WrongAnswer(Exception):
    """An answer that is not right yet; Jupyter shows its words without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def check(exercise: str, answer: object, language: str = "en") -> "Markdown":
    """Check the answer to an exercise.

    Parameters
    ----------
    exercise : str
        Name of the exercise.
    answer : number, str, bool, or a list or set of these
        A number is right within the tolerance of the exercise; of a text the case does not matter, of a list the order.
    language : {"en", "id", "ms"}, default "en"
        Language of what is said.

    Returns
    -------
    IPython.display.Markdown
        That the answer is right, and what it shows.

    Raises
    ------
    WrongAnswer
        The answer is missing or wrong; the message says in which way.
    ValueError
        There is no exercise of that name.

    Examples
    --------
    >>> from engagekit.lessons import check
    >>> check("reactions", 49).data
    '**Right.** 10 + 10 + 24 + 5 = 49.'
    >>> check("reactions", 39)
    Traceback (most recent call last):
    engagekit.lessons.exercises.WrongAnswer: 39 has only one of the two tens, as in the article.
    """
    from IPython.display import Markdown

    known = exercises()
    if exercise not in known:
        raise ValueError(f"exercise: there is none named {exercise!r}. {did_you_mean(exercise, known)}")
    rule, text = known[exercise], Language(language).text
    given, within = _plain(answer), rule.get("within", EXACT)
    if _is_same(given, _plain(rule["answer"]), within):
        return Markdown(  # type: ignore[no-untyped-call]
            " ".join([f"**{text('lesson.right')}**", rule.get(language, "")]).strip()
        )
    for wrong in rule.get("wrong", []):
        if language in wrong and _is_same(given, _plain(wrong["answer"]), wrong.get("within", within)):
            raise WrongAnswer(wrong[language])
    raise WrongAnswer(text(f"lesson.{_fault(given, _plain(rule['answer']))}"))


@cache
def exercises() -> dict[str, dict[str, Any]]:
    """All exercises by name: ``answer``, ``within``, ``wrong`` answers, and words by language.

    Examples
    --------
    >>> exercises()["reactions"]["answer"]
    49
    """
    files = sorted((resources.files("engagekit.lessons") / "exercises").iterdir(), key=lambda file: file.name)
    return {name: rule for file in files for name, rule in tomllib.loads(file.read_text("utf-8")).items()}


def _plain(answer: object) -> object:
    """A number of any type as a float, a text in lower case, a collection as a set."""
    if isinstance(answer, str):
        return answer.strip().casefold()
    if callable(item := getattr(answer, "item", None)) and getattr(answer, "size", 1) == 1:
        return _plain(item())  # of NumPy or pandas
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        return float(answer)
    return frozenset(map(_plain, answer)) if isinstance(answer, Iterable) else answer


def _is_same(given: object, right: object, within: float) -> bool:
    if isinstance(given, float) and isinstance(right, float):
        return math.isclose(given, right, rel_tol=EXACT, abs_tol=within)
    return type(given) is type(right) and given == right


def _fault(given: object, right: object) -> str:
    """Key of the words for an answer that no known mistake explains."""
    if given is None or given is ...:
        return "not_answered"
    if type(given) is not type(right):
        return f"not_a_{KINDS[type(right)]}"
    if not isinstance(given, float) or not isinstance(right, float):
        return "not_this"
    if math.isnan(given):
        return "missing"
    if right and any(math.isclose(given, right * times, rel_tol=NEARLY) for times in (100, 0.01)):
        return "percent"
    if right and math.isclose(given, -right, rel_tol=NEARLY):
        return "sign"
    return "too_high" if given > right else "too_low"
