"""Terms of the lessons in English, Indonesian and Malay, with what they mean."""

from typing import TYPE_CHECKING

from engagekit.errors import did_you_mean
from engagekit.language import LANGUAGES, Language
from engagekit.metrics.catalog import METRICS

if TYPE_CHECKING:
    from IPython.display import Markdown

__all__ = ["glossary"]


def glossary(*terms: str, language: str = "en") -> "Markdown":
    """Table of terms in three languages.

    Parameters
    ----------
    *terms : str
        Names of terms of ``locales/<language>/glossary.toml``, by default all of them, or of metrics, such as
        ``"churn_rate"``.
    language : {"en", "id", "ms"}, default "en"
        Language of the meaning, whose own term comes first.

    Returns
    -------
    IPython.display.Markdown
        A row a term, in the order asked for.

    Raises
    ------
    ValueError
        A term is not known.

    Examples
    --------
    >>> from engagekit.lessons import glossary
    >>> print(glossary("cohort").data.splitlines()[2])
    | cohort | kohort | kohort | Customers who began in the same period, such as a month. |
    """
    from IPython.display import Markdown

    text = Language(language).text
    known = Language(language).keys("glossary")
    for term in terms:
        if term not in known and term not in METRICS:
            raise ValueError(f"terms: {term!r} is not known. {did_you_mean(term, [*known, *METRICS])}")
    order = sorted(LANGUAGES, key=[language, "en", "id", "ms"].index)
    head = [*(text(f"lesson.language.{code}") for code in order), text("lesson.meaning")]
    rows = [
        [*(Language(code).text(_key(term, "title")) for code in order), text(_key(term, "meaning"))]
        for term in terms or known
    ]
    lines = [f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows]]
    return Markdown("\n".join(lines))  # type: ignore[no-untyped-call]


def _key(term: str, part: str) -> str:
    return f"{'glossary' if term in Language('en').keys('glossary') else 'metric'}.{term}.{part}"
