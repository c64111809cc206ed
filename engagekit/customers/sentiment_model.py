"""A model of sentiment that is trained on a business's own scored comments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from engagekit.customers.voice import for_each_text, is_missing, texts_of
from engagekit.errors import DataError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["SCORED", "SentimentModel"]

SCORED = {"nps": (6, 9), "csat": (2, 4), "review": (2, 4)}  # negative up to, positive from
OPINIONS = ("negative", "neutral", "positive")
FEWEST_TEXTS = 20  # of each label
FOLDS, PENALTY = 5, 10.0  # of cross-validation; inverse strength of the ridge penalty
SURE = 0.5  # least probability of a label that is told


@dataclass(frozen=True)
class SentimentModel:
    """TF-IDF of words and pairs of words, and a logistic regression.

    Attributes
    ----------
    model : sklearn.pipeline.Pipeline
    n : int
        Texts that it was trained on.
    macro_f1 : float
        Mean F1 score of the labels, 0 to 1, by cross-validation: of texts that it was not trained on, all of them
        answered.
    """

    model: "Pipeline"
    n: int
    macro_f1: float

    @classmethod
    def fit(cls, texts: Iterable[Any], labels: Iterable[Any], kind: str = "") -> Self:
        """Train a model on texts whose sentiment is known.

        Parameters
        ----------
        texts : iterable of str
        labels : iterable
            ``positive``, ``neutral`` or ``negative``, or the scores of a kind of survey. Rows without a text or label
            are left out.
        kind : {"", "nps", "csat", "review"}
            Of which survey the labels are scores: NPS answers up to 6 are negative and from 9 on positive; of 1 to 5
            those up to 2 and from 4 on.

        Raises
        ------
        DataError
            There are fewer than two labels, or fewer than 20 different texts of one of them.
        ValueError
            A label or kind is not known.

        Examples
        --------
        >>> good, bad = ([f"{word} {n}" for n in "abcdefghijklmnopqrst"] for word in ("enak sekali", "lambat sekali"))
        >>> model = SentimentModel.fit(good + bad, [5] * 20 + [1] * 20, "csat")
        >>> model.predict(["kopinya enak", "kirimnya lambat"])["label"].to_list(), model.macro_f1
        (['positive', 'negative'], 1.0)
        """
        known = _labelled(texts, labels, kind)
        distinct = known.unique()
        counts = dict(distinct["label"].value_counts().iter_rows())
        for label, n in sorted(counts.items()):
            if n < FEWEST_TEXTS:
                problem = f"{n} different texts are {label}, and a label needs {FEWEST_TEXTS}."
                raise DataError(f"{problem} Use the lexicon until there are more.", column="labels")
        if len(counts) < 2:
            problem = f"all of the {known.height} texts are {', '.join(counts) or 'without a label'}."
            raise DataError(f"{problem} Give texts of two labels at least.", column="labels")
        macro_f1 = _validated(known)
        return cls(_pipeline().fit(known["text"].to_list(), known["label"].to_list()), known.height, macro_f1)

    def predict(self, texts: Any, threshold: float = SURE) -> Any:
        """Sentiment of each text, as ``sentiment`` gives it, without words.

        Parameters
        ----------
        texts : sequence of str, pandas.Series or polars.Series
        threshold : float, default 0.5
            Probability, 0 to 1, below which the label is ``unknown``.

        Returns
        -------
        polars.DataFrame, or pandas.DataFrame with the index of a pandas Series
            ``sentiment``, the probability of positive less that of negative, null where it is unknown; ``label``; and
            ``probability`` of the likeliest label. All are null where there is no text.
        """
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold: {threshold} is not between 0 and 1")
        sure = pl.col("probability") >= threshold
        label = pl.when(sure).then("label").otherwise(pl.lit("unknown"))
        columns = ["text", pl.when(sure).then("sentiment"), label.alias("label"), "probability"]
        return for_each_text(texts, lambda unique: self._probabilities(unique["text"]).select(columns))

    def _probabilities(self, texts: pl.Series) -> pl.DataFrame:
        """Likeliest label of each different text."""
        unique = texts.sort()
        labels = [str(label) for label in self.model.classes_]
        chances = self.model.predict_proba(unique.to_list()).round(9) if len(unique) else []
        made = pl.DataFrame(chances, schema=dict.fromkeys(labels, pl.Float64), orient="row")
        known = {name: pl.col(name) if name in labels else pl.lit(0.0) for name in OPINIONS}
        probability = pl.max_horizontal(labels)
        label = pl.coalesce(pl.when(pl.col(name) == probability).then(pl.lit(name)) for name in labels)
        return made.select(
            text=unique, sentiment=known["positive"] - known["negative"], label=label, probability=probability
        )


def _labelled(texts: Iterable[Any], labels: Iterable[Any], kind: str) -> pl.DataFrame:
    """Texts with their labels, in the order of the texts."""
    if kind and kind not in SCORED:
        raise ValueError(f"kind: {kind!r} is not one of {', '.join(SCORED)}")
    rows = zip(texts_of(texts), map(_label_of(kind), labels), strict=True)
    known = pl.DataFrame(list(rows), schema={"text": pl.String, "label": pl.String}, orient="row")
    return known.drop_nulls().sort("text", "label")


def _label_of(kind: str) -> Any:
    """Function that gives the label of a score of a kind, or of a label itself."""

    def label(given: Any) -> str | None:
        if is_missing(given):
            return None
        if kind:
            low, high = SCORED[kind]
            return "negative" if given <= low else "positive" if given >= high else "neutral"
        if given not in OPINIONS:
            raise ValueError(f"labels: {given!r} is not one of {', '.join(OPINIONS)}. Say of which kind scores are")
        return str(given)

    return label


def _pipeline() -> "Pipeline":
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    return make_pipeline(words, LogisticRegression(C=PENALTY, max_iter=1000))


def _validated(known: pl.DataFrame) -> float:
    """Macro F1 by cross-validation in which no text is both trained on and tested."""
    from sklearn.metrics import f1_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    texts, labels = known["text"].to_list(), known["label"].to_list()
    parts = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    predicted: Sequence[str] = cross_val_predict(_pipeline(), texts, labels, groups=texts, cv=parts)
    return round(float(f1_score(labels, predicted, average="macro")), 9)
