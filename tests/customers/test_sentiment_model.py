"""A model of a business's own comments: what it needs, where it declines, and that its score is validated."""

import random

import pandas as pd
import pytest

from engagekit import DataError
from engagekit.customers.sentiment_model import SentimentModel

GOOD, BAD = ["enak", "ramah", "cepat", "bersih"], ["lambat", "dingin", "kotor", "mahal"]


def comments(n, noise=0.0, seed=1):
    """Comments of two words, and their labels, of which a share is by chance."""
    rng = random.Random(seed)
    made = []
    for number in range(n):
        label = rng.choice(["positive", "negative"])
        words = rng.choices(GOOD if label == "positive" else BAD, k=2)
        label = rng.choice(["positive", "negative"]) if rng.random() < noise else label
        made.append((f"{' '.join(words)} nomor{number}", label))
    return tuple(zip(*made, strict=True))


def test_it_learns_and_its_validated_score_is_that_of_texts_it_has_not_seen():
    model = SentimentModel.fit(*comments(200))
    assert model.macro_f1 == 1
    assert model.n == 200
    assert model.predict(["enak ramah", "kotor mahal"])["label"].to_list() == ["positive", "negative"]


def test_labels_by_chance_give_a_score_of_chance():
    assert 0.35 < SentimentModel.fit(*comments(400, noise=1.0)).macro_f1 < 0.65


def test_a_text_is_never_trained_on_and_tested():
    """Each text is there twice, labels are by chance: remembering it would score 1."""
    texts, labels = comments(200, noise=1.0)
    assert SentimentModel.fit(texts * 2, labels * 2).macro_f1 < 0.65


def test_where_no_label_is_likely_enough_it_declines():
    model = SentimentModel.fit(*comments(200))
    made = model.predict(["kata asing sekali", "enak enak", None, ""], threshold=0.9)
    assert made["label"].to_list() == ["unknown", "positive", None, None]
    assert made["sentiment"].to_list()[0] is None
    assert (made["probability"].drop_nulls() >= 0.5).all()
    with pytest.raises(ValueError, match=r"threshold: 2 is not between 0 and 1"):
        model.predict(["enak"], threshold=2)


def test_scores_are_labels_by_the_kind_of_survey():
    texts = [f"{word} nomor{n}" for n in range(20) for word in ("enak", "biasa", "lambat")]
    model = SentimentModel.fit(texts, [9, 8, 6] * 20, "nps")
    assert model.predict(["enak", "biasa", "lambat"], 0)["label"].to_list() == ["positive", "neutral", "negative"]
    assert model.predict(pd.Series(["enak"], index=[5])).index.tolist() == [5]


def test_missing_values_of_pandas_are_left_out():
    texts, labels = comments(200)
    given = [pd.Series([*each, None, last], dtype="string") for each, last in ((texts, "enak"), (labels, None))]
    assert SentimentModel.fit(*given).n == 200
    assert SentimentModel.fit(texts, labels).predict(pd.Series(["enak", None], dtype="string")).isna().iloc[1].all()


def test_too_few_texts_of_a_label_are_counted():
    texts, labels = comments(200)
    with pytest.raises(DataError, match="labels: 12 different texts are neutral, and a label needs 20"):
        SentimentModel.fit([*texts, *(f"biasa {n}" for n in range(12))], [*labels, *["neutral"] * 12])
    with pytest.raises(DataError, match="1 different texts are positive"):
        SentimentModel.fit(["enak"] * 50, ["positive"] * 50)
    with pytest.raises(DataError, match="all of the 30 texts are positive"):
        SentimentModel.fit([f"enak {n}" for n in range(30)], ["positive"] * 30)
    with pytest.raises(DataError, match="all of the 0 texts are without a label"):
        SentimentModel.fit([], [])


def test_a_label_or_kind_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match=r"labels: 5 is not one of .* Say of which kind scores are"):
        SentimentModel.fit(["enak"], [5])
    with pytest.raises(ValueError, match="kind: 'stars' is not one of nps, csat, review"):
        SentimentModel.fit(["enak"], [5], "stars")


def test_the_order_of_rows_changes_nothing():
    texts, labels = comments(100, noise=0.3)
    one, other = SentimentModel.fit(texts, labels), SentimentModel.fit(texts[::-1], labels[::-1])
    assert one.macro_f1 == other.macro_f1
    assert one.predict(texts).equals(other.predict(texts))
