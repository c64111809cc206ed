"""What one group of customers says that another does not, and what is said of late that was not said before."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import gammaln

from engagekit.customers.terms import distinct_terms, term_matrix
from engagekit.customers.voice import texts_of, writers_of
from engagekit.display.section import FEWEST
from engagekit.metrics.family import discoveries

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

__all__ = ["log_odds", "new_terms", "themes"]

PRIOR, SHARE = 500.0, 0.1  # most writers that a prior weighs as much as, and their share of all writers
MOST = 100  # terms that are given
RARE = 0.02  # share of writers up to which a term was hardly said before


def themes(
    texts: Iterable[Any],
    groups: Iterable[Any],
    first: Any = "detractor",
    second: Any = "promoter",
    *,
    writers: Iterable[Any] | None = None,
    stop: Iterable[str] = (),
    fewest: int = FEWEST,
    prior: float | None = None,
    most: int = MOST,
    without: Callable[[str], bool] | None = None,
) -> "pd.DataFrame":
    """Terms by how much more one group uses them than another: z-values of log-odds ratios.

    Parameters
    ----------
    texts : iterable of str
    groups : iterable
        Group of each text. Those of other groups than the two count in the prior alone.
    first, second : object
        The groups that are compared.
    writers : iterable, optional
        Who wrote each text. A term counts once for each writer and group; without writers once for each text.
    stop : iterable of str
        Words that are no terms, such as the business's name, besides function words.
    fewest : int, default 5
        Writers in both groups together who use a term; those of fewer are left out.
    prior : float, optional
        Size of the prior, in writers, above 0; by default a tenth of all writers, and 500 at most.
    most : int, default 100
        Terms to give, those with the largest z on either side.
    without : callable, optional
        Of a term: whether it is left out.

    Returns
    -------
    pandas.DataFrame
        ``term``, of one or two words; ``z`` and ``log_odds``, above 0 where the first group uses it more; ``n_first``
        and ``n_second``, writers who use it; ``share_first`` and ``share_second`` of all writers of a group; and
        ``clear``: beyond chance, at a false-discovery rate of 10 %. The highest z first. A term that stands in mostly
        the same texts as one before it is left out. Empty where a group has no text.

    Notes
    -----
    With y of the n writers of group 1 or 2 who use a term, a prior of a writers, and b = a (N' + 1/2) / (N + 1) for a
    term of N' of all N writers: d = log((y1 + b) / (n1 + a - y1 - b)) - log((y2 + b) / (n2 + a - y2 - b)), and
    z = d / sqrt(1/(y1 + b) + 1/(y2 + b) + 1/(n1 + a - y1 - b) + 1/(n2 + a - y2 - b)). Monroe et al. divide by uses of
    all terms instead of writers, so that a group which writes nothing but emoji could not be compared.

    References
    ----------
    .. [1] Monroe, B. L., Colaresi, M. P., & Quinn, K. M. (2008). Fightin' Words: Lexical Feature Selection and
       Evaluation for Identifying the Content of Political Conflict. Political Analysis, 16(4).

    Examples
    --------
    >>> texts = ["kurir terlambat"] * 6 + ["kurir ramah"] * 6
    >>> made = themes(texts, ["detractor"] * 6 + ["promoter"] * 6)
    >>> made[["term", "n_first", "n_second"]].to_numpy().tolist()
    [['kurir terlambat', 6, 0], ['kurir', 6, 6], ['kurir ramah', 0, 6]]
    """
    import pandas as pd

    known = _known(texts, groups, writers)
    matrix, terms = term_matrix(known["text"].tolist(), stop=stop)
    uses = {name: _by_writer(matrix, known, known["group"] == name) for name in (first, second)}
    (y1, n1), (y2, n2) = uses[first], uses[second]
    names = ["term", "z", "log_odds", "n_first", "n_second", "share_first", "share_second", "clear"]
    kept = np.array([at for at in np.flatnonzero(y1 + y2 >= fewest) if without is None or not without(terms[at])])
    if not (n1 and n2 and len(kept)):
        return pd.DataFrame(columns=names)
    everything, n = _by_writer(matrix, known, np.ones(len(known), dtype=bool))
    size = min(PRIOR, SHARE * n) if prior is None else prior
    d, z = log_odds(y1[kept], y2[kept], everything[kept], (n1, n2, n), size)
    table = pd.DataFrame({"term": np.array(terms)[kept], "z": z.round(9), "log_odds": d.round(9), "column": kept})
    table = table.assign(n_first=y1[kept], n_second=y2[kept], share_first=y1[kept] / n1, share_second=y2[kept] / n2)
    chances = {term: math.erfc(abs(value) / math.sqrt(2)) for term, value in zip(table["term"], z, strict=True)}
    table["clear"] = table["term"].isin(discoveries(chances))
    table["words"] = -table["term"].str.count(" ")
    table = table.sort_values(["z", "words", "term"], ascending=[False, True, True])
    strongest = table["z"].abs().sort_values(ascending=False, kind="stable").index
    distinct = distinct_terms(matrix, table.loc[strongest, "column"].tolist(), most)
    return table[table["column"].isin(distinct)][names].reset_index(drop=True)


def log_odds(
    first: "NDArray[np.int64]",
    second: "NDArray[np.int64]",
    everything: "NDArray[np.int64]",
    writers: tuple[int, int, int],
    prior: float,
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Log-odds ratio of each term between two groups and its z-value, with an informative prior.

    Parameters
    ----------
    first, second, everything : numpy.ndarray
        Writers who use each term, in the two groups and in all.
    writers : tuple of int
        How many there are in the two groups and in all.
    prior : float
        Its size, in writers; above 0.

    Examples
    --------
    Of two terms equally common, with b = 10 * (10 + 1/2) / (20 + 1) = 5: log(15/5) - log(5/15), and over
    sqrt(1/15 + 1/5 + 1/5 + 1/15):

    >>> d, z = log_odds(np.array([10, 0]), np.array([0, 10]), np.array([10, 10]), (10, 10, 20), prior=10)
    >>> round(float(d[0]), 4), round(float(z[0]), 4)
    (2.1972, 3.0087)
    """
    if not prior > 0:
        raise ValueError(f"prior: {prior} must be above 0")
    b = prior * (everything + 0.5) / (writers[2] + 1)  # the half: no term is used by nobody, and none by everybody
    used = [y + b for y in (first, second)]
    unused = [n + prior - each for n, each in zip(writers, used, strict=False)]
    d = np.log(used[0] / unused[0]) - np.log(used[1] / unused[1])
    return d, d / np.sqrt(sum(1 / each for each in (*used, *unused)))


def new_terms(
    texts: Iterable[Any],
    recent: Sequence[bool],
    *,
    writers: Iterable[Any] | None = None,
    stop: Iterable[str] = (),
    fewest: int = FEWEST,
) -> "pd.DataFrame":
    """Terms of recent texts that were hardly used before: beyond chance, at a false-discovery rate of 10 %.

    Parameters
    ----------
    texts, writers, stop
        As ``themes`` takes them.
    recent : sequence of bool
        Which texts are of the last period.
    fewest : int, default 5
        Recent writers who use a term.

    Returns
    -------
    pandas.DataFrame
        ``term, n_recent, n_before, share_recent, share_before`` of writers and ``p``, of Fisher's exact test that the
        share rose; only terms that up to 2 % of the writers used before. The smallest p first.

    References
    ----------
    .. [1] Fisher, R. A. (1935). The Design of Experiments. Oliver & Boyd.

    Examples
    --------
    >>> made = new_terms(["kopi enak"] * 60 + ["aplikasi error"] * 9, [False] * 60 + [True] * 9)
    >>> made[["term", "n_recent", "n_before"]].to_numpy().tolist()
    [['aplikasi error', 9, 0]]
    """
    import pandas as pd

    known = _known(texts, recent, writers)
    matrix, terms = term_matrix(known["text"].tolist(), stop=stop)
    late = known["group"].astype(bool).to_numpy()
    (new, n), (old, m) = _by_writer(matrix, known, late), _by_writer(matrix, known, ~late)
    names = ["term", "n_recent", "n_before", "share_recent", "share_before", "p"]
    kept = np.flatnonzero(new >= fewest)
    if not (n and m and len(kept)):
        return pd.DataFrame(columns=names)
    p = [_fisher(int(new[at]), int(n), int(old[at]), int(m)) for at in kept]
    table = pd.DataFrame({"term": np.array(terms)[kept], "n_recent": new[kept], "n_before": old[kept], "column": kept})
    table = table.assign(share_recent=new[kept] / n, share_before=old[kept] / m, p=p)
    chosen = table["term"].isin(discoveries(dict(zip(table["term"], p, strict=True)))) & (table["share_before"] <= RARE)
    table = table.assign(words=-table["term"].str.count(" "))[chosen].sort_values(["p", "words", "term"])
    distinct = distinct_terms(matrix, table["column"].tolist(), MOST)
    return table[table["column"].isin(distinct)][names].reset_index(drop=True)


def _known(texts: Iterable[Any], groups: Iterable[Any], writers: Iterable[Any] | None) -> "pd.DataFrame":
    """Texts that are there, their groups and writers; a text without a writer has one of its own."""
    import pandas as pd

    rows = pd.DataFrame({"text": texts_of(texts), "group": list(groups)})
    rows["writer"] = pd.Series(writers_of(writers, len(rows)), dtype=object)
    return rows.dropna(subset=["text"])


def _by_writer(matrix: "csr_matrix", known: "pd.DataFrame", chosen: Any) -> "tuple[NDArray[np.int64], int]":
    """How many writers of the chosen texts use each term, and how many there are."""
    import pandas as pd
    from scipy.sparse import csr_matrix

    rows = np.flatnonzero(np.asarray(chosen))
    codes, unique = pd.factorize(known["writer"].to_numpy()[rows])
    together = csr_matrix((np.ones(len(rows), dtype=np.int64), (codes, rows)), shape=(len(unique), matrix.shape[0]))
    uses = together @ matrix
    return np.asarray((uses > 0).sum(axis=0)).ravel().astype(np.int64), len(unique)


def _fisher(new: int, n: int, old: int, m: int) -> float:
    """Chance that at least so many of the users of a term are among the n recent ones of n + m writers."""
    users = new + old
    k = np.arange(new, min(users, n) + 1)
    ways = _log_choices(users, k) + _log_choices(n + m - users, n - k) - _log_choices(n + m, np.array([n]))
    return min(float(np.exp(ways).sum()), 1.0)


def _log_choices(n: int, k: "NDArray[np.int64]") -> "NDArray[np.float64]":
    logs: NDArray[np.float64] = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return logs
