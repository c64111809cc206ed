"""Recurring topics of texts: non-negative matrix factorisation of TF-IDF, with a typical text of each and its trend."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engagekit.customers.masking import masked
from engagekit.customers.terms import term_matrix
from engagekit.customers.voice import texts_of, writers_of
from engagekit.display.section import FEWEST

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Topics", "topics"]

MOST_TERMS, MOST_TEXTS = 1000, 5000  # that topics are made of
WORDS = 3  # that name a topic
TYPICAL = 0.8  # of the highest weight of a text in a topic
ROUNDS, TOLERANCE, DIGITS = 400, 1e-5, 6
LONGEST_QUOTE = 160  # characters


@dataclass(frozen=True)
class Topics:
    """Topics of texts.

    Attributes
    ----------
    table : pandas.DataFrame
        The most frequent topic first: ``topic`` from 1 on; ``words``, the three that weigh most; ``texts`` and
        ``writers``; ``share`` of the writers of all texts; and ``quote``, the shortest of the typical texts, masked, or
        None below five writers.
    assigned : pandas.Series
        Topic of each text, in the order and with the index of the texts; 0 where no word of it is in a topic.
    periods : pandas.DataFrame
        ``period, topic, writers, n, share``: the writers on a topic of the n who wrote in a period; empty without
        periods.

    Examples
    --------
    >>> made = topics(["parcel late", "parcel late again", "refund please", "refund please now"], k=2)
    >>> made.table[["words", "texts"]].to_numpy().tolist(), made.assigned.tolist()
    ([['refund', 2], ['late, parcel', 2]], [2, 2, 1, 1])
    """

    table: "pd.DataFrame"
    assigned: "pd.Series"
    periods: "pd.DataFrame"


def topics(
    texts: Iterable[Any],
    periods: Iterable[Any] | None = None,
    k: int = 6,
    *,
    writers: Iterable[Any] | None = None,
    stop: Iterable[str] = (),
) -> Topics:
    """Recurring topics of texts, each text in the one that weighs most in it.

    Parameters
    ----------
    texts : iterable of str
    periods : iterable, optional
        Period of each text, such as the first day of its month.
    k : int, default 6
        Topics, from 1 on; fewer where there are fewer different texts or terms.
    writers : iterable, optional
        Who wrote each text, who is counted instead of texts. A text without a writer has one of its own.
    stop : iterable of str
        Words that are no topic, such as the business's name, besides function words.

    Returns
    -------
    Topics
        Without a topic where no word was written twice.

    Raises
    ------
    ValueError
        ``k`` is below 1.

    Notes
    -----
    Different texts count as often as they were written, and the 5,000 most frequent of them make the topics. Terms are
    single words in two texts at least; tf-idf rows have length 1. The factorisation starts from a singular value
    decomposition (NNDSVD) and is rounded, so that it is the same each time.

    References
    ----------
    .. [1] Lee, D. D., & Seung, H. S. (1999). Learning the parts of objects by non-negative matrix factorization.
       Nature, 401.
    .. [2] Boutsidis, C., & Gallopoulos, E. (2008). SVD based initialization. Pattern Recognition, 41(4).

    Examples
    --------
    >>> made = topics(["paket belum sampai", "paket rusak", "aplikasi error", "aplikasi keluar sendiri"] * 3, k=2)
    >>> made.table[["words", "texts", "quote"]].to_numpy().tolist()
    [['paket, rusak', 6, 'paket rusak'], ['aplikasi, error, sendiri', 6, 'aplikasi error']]
    """
    import pandas as pd

    if k < 1:
        raise ValueError(f"k: {k} must be 1 or above")
    rows = pd.DataFrame({"text": texts_of(texts)})
    rows["period"] = None if periods is None else list(periods)
    rows["writer"] = pd.Series(writers_of(writers, len(rows)), dtype=object)
    known = rows.dropna(subset=["text"])
    counts = known["text"].value_counts().rename_axis("text").reset_index(name="n")
    unique = counts.sort_values(["n", "text"], ascending=[False, True], ignore_index=True).head(MOST_TEXTS)
    unique["topic"], unique["weight"], words = _factorised(unique["text"].tolist(), unique["n"].to_numpy(), k, stop)
    known = known.merge(unique[["text", "topic", "weight"]], on="text", how="left").set_axis(known.index)
    known["topic"] = known["topic"].fillna(0).astype(int)
    sizes = known[known["topic"] > 0].groupby("topic")["writer"].nunique().reset_index()
    order = sizes.sort_values(["writer", "topic"], ascending=[False, True])["topic"].tolist()
    known["topic"] = known["topic"].map({0: 0} | {topic: place for place, topic in enumerate(order, 1)})
    table = _table(known, [words[topic - 1] for topic in order])
    assigned = known["topic"].reindex(rows.index, fill_value=0)
    index = texts.index if isinstance(texts, pd.Series) else rows.index
    return Topics(table, assigned.set_axis(index), _by_period(known, len(order)))


def _factorised(
    texts: Sequence[str], counts: "NDArray[np.int64]", k: int, stop: Iterable[str]
) -> "tuple[NDArray[np.int64], NDArray[np.float64], list[str]]":
    """Topic of each different text, 0 where it has none, its weight in it, and the words of each topic."""
    matrix, terms = term_matrix(texts, longest=1, stop=stop)
    writings = np.asarray(matrix.T @ counts).ravel()
    often = np.lexsort((np.arange(len(terms)), -writings))[:MOST_TERMS]
    kept = np.sort(often[writings[often] > 1])
    k = min(k, len(texts), len(kept))
    if k < 1:
        return np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts)), []
    from sklearn.decomposition import NMF
    from sklearn.preprocessing import normalize

    idf = np.log((1 + counts.sum()) / (1 + writings[kept])) + 1
    rows = normalize(matrix[:, kept].multiply(idf).tocsr())
    model = NMF(k, init="nndsvd", max_iter=ROUNDS, tol=TOLERANCE, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where it has not converged, its topics are rougher, and topics still
        model.fit(rows.multiply(np.sqrt(counts)[:, None]).tocsr())
        weights = model.transform(rows).round(DIGITS)
    own = model.components_.round(DIGITS)
    named = [np.lexsort((kept, -row))[:WORDS] for row in own]
    words = [", ".join(terms[kept[at]] for at in best if row[at] > 0) for best, row in zip(named, own, strict=True)]
    return np.where(weights.max(axis=1) > 0, weights.argmax(axis=1) + 1, 0), weights.max(axis=1), words


def _table(known: "pd.DataFrame", words: list[str]) -> "pd.DataFrame":
    """A row a topic: its words, texts, writers, share of all writers and a typical text."""
    import pandas as pd

    everybody, rows = known["writer"].nunique(), []
    for topic, named in enumerate(words, 1):
        own = known[known["topic"] == topic]
        writers = own["writer"].nunique()
        quote = _quote(own) if writers >= FEWEST else None
        rows.append((topic, named, len(own), writers, writers / everybody, quote))
    return pd.DataFrame(rows, columns=["topic", "words", "texts", "writers", "share", "quote"])


def _quote(own: "pd.DataFrame") -> str:
    """The shortest of the texts that are typical of a topic, masked."""
    typical = own.loc[own["weight"] >= TYPICAL * own["weight"].max(), "text"].unique()
    quote = min(typical, key=lambda text: (len(text), text))
    return " ".join(masked([quote])[0].split())[:LONGEST_QUOTE]


def _by_period(known: "pd.DataFrame", k: int) -> "pd.DataFrame":
    """Writers on each topic by period, beside all who wrote in it."""
    import pandas as pd

    dated = known.dropna(subset=["period"])
    everybody = dated.groupby("period")["writer"].nunique()
    on_topic = dated.groupby(["period", "topic"])["writer"].nunique()
    cells = pd.MultiIndex.from_product([everybody.index, range(1, k + 1)], names=["period", "topic"])
    made = on_topic.reindex(cells, fill_value=0).rename("writers").reset_index()
    made["n"] = made["period"].map(everybody)
    return made.assign(share=made["writers"] / made["n"])
