"""Words and pairs of words in texts: which terms each text has, of the masked text and without function words."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from engagekit.customers.lexicon import is_listed, looked_up, stop_words
from engagekit.customers.masking import masked

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["distinct_terms", "has_term", "term_matrix"]

VOWELS = "".join(chr(at) for at in range(0x300, 0x10000) if unicodedata.category(chr(at))[0] == "M")  # not in \w
CLAUSE = re.compile(rf"[^\w\s{VOWELS}'\[\]-]+|\[\w+\]")  # marks and what is masked part the words
WORD = re.compile(rf"[^\W\d_][\w{VOWELS}'-]+")
SHORTEST = 3  # letters of a word
MOST_SHARED = 0.7  # of the texts of two terms that are one theme


def term_matrix(texts: Sequence[str], *, longest: int = 2, stop: Iterable[str] = ()) -> "tuple[csr_matrix, list[str]]":
    """Which terms each text has, 0 or 1: a sparse matrix with a row a text and a column a term.

    Parameters
    ----------
    texts : sequence of str
        Personal data in them is masked first.
    longest : int
        Words of a term, 1 or 2. Two words stand side by side in a clause; the first may be a negation.
    stop : iterable of str
        Words that are no terms, besides function words.

    Returns
    -------
    scipy.sparse.csr_matrix, list of str
        Terms in their alphabetical order; no column where no text has a term.

    Examples
    --------
    >>> matrix, terms = term_matrix(["Kurir terlambat, dan tidak sopan", "Kurir Pak Budi terlambat"])
    >>> terms
    ['kurir', 'kurir terlambat', 'sopan', 'terlambat', 'tidak sopan']
    >>> matrix.toarray().tolist()
    [[1, 1, 1, 1, 1], [1, 0, 0, 1, 0]]
    """
    import numpy as np
    from scipy.sparse import csr_matrix

    banned = stop_words() | {word.casefold() for word in stop}
    unique = dict.fromkeys(texts)
    used = [sorted(set(_terms(text.casefold(), banned, longest))) for text in masked(unique)]
    terms = sorted({term for own in used for term in own})
    place = {term: at for at, term in enumerate(terms)}
    columns = np.array([place[term] for own in used for term in own], dtype=np.int64)
    ends = np.cumsum([0, *map(len, used)])
    matrix = csr_matrix((np.ones(len(columns), dtype=np.int64), columns, ends), shape=(len(used), len(terms)))
    rows = {text: at for at, text in enumerate(unique)}
    return matrix[[rows[text] for text in texts]], terms


def _terms(text: str, banned: frozenset[str], longest: int) -> Iterator[str]:
    for clause in CLAUSE.split(text):
        words = [_without_nya(word) for word in WORD.findall(clause)]
        open_words = [len(word) >= SHORTEST and word not in banned for word in words]
        yield from (word for word, is_open in zip(words, open_words, strict=True) if is_open)
        for at in range(len(words) - 1 if longest > 1 else 0):
            if open_words[at + 1] and (open_words[at] or _negates(words[at])):
                yield f"{words[at]} {words[at + 1]}"


def _without_nya(word: str) -> str:
    """The word without its Indonesian or Malay article, where the lexicon knows the rest: harganya is harga."""
    stem = word.removesuffix("nya")
    if stem == word:
        return word
    return stem.removesuffix("-") if stem.endswith("-") or is_listed(stem) else word


def _negates(word: str) -> bool:
    known = looked_up(word)
    return known is not None and known.role in ("negation", "less")


def has_term(texts: Sequence[str], term: str, *, stop: Iterable[str] = ()) -> list[bool]:
    """Whether each text has a term, as ``term_matrix`` understands it.

    Examples
    --------
    >>> has_term(["Kurir terlambat", "Kurir ramah, tidak terlambat"], "kurir terlambat")
    [True, False]
    """
    words = term.split()
    likely = [at for at, text in enumerate(texts) if all(word in text.casefold() for word in words)]
    matrix, terms = term_matrix([texts[at] for at in likely], stop=stop)
    own = matrix[:, terms.index(term)].nonzero()[0] if term in terms else ()
    having = {likely[at] for at in own}
    return [at in having for at in range(len(texts))]


def distinct_terms(matrix: Any, order: Sequence[int], most: int | None = None) -> list[int]:
    """Columns in an order, without those that stand in mostly the same texts as one before them.

    Parameters
    ----------
    matrix : scipy.sparse.csr_matrix
        As ``term_matrix`` gives it.
    order : sequence of int
        Columns, the most important first.
    most : int, optional
        Columns to give.

    Examples
    --------
    >>> matrix, terms = term_matrix(["kurir terlambat"] * 4 + ["kurir ramah"])
    >>> [terms[at] for at in distinct_terms(matrix, range(len(terms)))]
    ['kurir', 'kurir ramah']
    """
    columns, kept = matrix.tocsc(), list[int]()
    texts: dict[int, set[int]] = {}
    for at in order:
        own = set(columns.indices[columns.indptr[at] : columns.indptr[at + 1]].tolist())
        if all(len(own & texts[other]) <= MOST_SHARED * len(own | texts[other]) for other in kept):
            kept.append(at)
            texts[at] = own
        if len(kept) == most:
            break
    return kept
