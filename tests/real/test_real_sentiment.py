"""Sentiment of Indonesian reviews and Malay tweets beside people's labels."""

import polars as pl
import pytest
from sklearn.metrics import f1_score

from engagekit.customers.sentiment_model import OPINIONS, SentimentModel
from engagekit.customers.voice import sentiment


def smsa(folder, part):
    names = ["text", "label"]
    file = folder / f"smsa_{part}.tsv"
    return pl.read_csv(file, separator="\t", has_header=False, quote_char=None, new_columns=names)


def tweets(folder):
    rows = pl.read_csv(folder / "supervised-twitter.csv", separator="\t", infer_schema=False)
    return rows.select("text", label=pl.col("sentiment").str.to_lowercase()).filter(pl.col("label").is_in(OPINIONS))


@pytest.mark.parametrize("name", ["indonlu_smsa", "malay_sentiment"])
def test_the_lexicon_answers_most_texts_and_is_mostly_right(shared, name):
    rows = smsa(shared(name), "test") if name == "indonlu_smsa" else tweets(shared(name))
    told = sentiment(rows["text"])["label"].fill_null("unknown")
    answered = told != "unknown"
    assert answered.mean() > 0.6
    known = rows["label"].filter(answered), told.filter(answered)
    assert f1_score(*known, labels=list(OPINIONS), average="macro") > 0.6


@pytest.mark.soak
def test_the_model_reaches_what_others_measured(shared):
    folder = shared("indonlu_smsa")
    model = SentimentModel.fit(*smsa(folder, "train"))
    test = smsa(folder, "test")
    told = model.predict(test["text"], threshold=0)["label"]
    assert f1_score(test["label"], told, average="macro") == pytest.approx(0.7501, abs=0.01)
    assert model.macro_f1 == pytest.approx(0.8447, abs=0.02)
