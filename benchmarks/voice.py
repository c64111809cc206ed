"""How often the sentiment of texts is right, beside people's labels, and how long 10,000 comments take.

Run ``python benchmarks/voice.py``; it takes about half a minute and needs the shared data beside the project: SmSA
(IndoNLU, Indonesian reviews and posts) and Malay tweets. No text of SmSA's test split and no tweet was read: words are
our own, with those missed on SmSA's train and validation splits and on Malay news, on which thresholds were chosen too.
But this script was run some nine times while words and thresholds changed, and the tweets' answered figure went from
.58 to .60 meanwhile: read it as one of development, not of a test that was looked at once.

``all`` is the macro F1 of three labels over all texts, in which a text that is not answered counts as wrong;
``answered`` is that of the texts which are answered, and ``share`` how many these are.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
from sklearn.metrics import f1_score

from engagekit.customers.sentiment_model import OPINIONS, SentimentModel
from engagekit.customers.themes import themes
from engagekit.customers.voice import sentiment

DATA = Path(__file__).parents[2] / "shared" / "data"
SMSA = DATA / "indonlu_smsa"
TWEETS = DATA / "malay_sentiment" / "supervised-twitter.csv"
SEED, COMMENTS, MOST_WORDS = 20261127, 10_000, 14


def smsa(part: str) -> pl.DataFrame:
    """A split of SmSA: text, label."""
    names = ["text", "label"]
    return pl.read_csv(SMSA / f"smsa_{part}.tsv", separator="\t", has_header=False, quote_char=None, new_columns=names)


def tweets() -> pl.DataFrame:
    """The labelled Malay tweets: text, label."""
    rows = pl.read_csv(TWEETS, separator="\t", infer_schema=False)
    return rows.select("text", label=pl.col("sentiment").str.to_lowercase()).filter(pl.col("label").is_in(OPINIONS))


def rates(labels: pl.Series, predicted: pl.Series) -> tuple[float, float, float]:
    """Macro F1 over all texts, over those that are answered, and their share."""
    told = predicted.fill_null("unknown")
    answered = told != "unknown"
    every, some = (
        float(f1_score(labels.filter(rows), told.filter(rows), labels=list(OPINIONS), average="macro", zero_division=0))
        for rows in (pl.repeat(True, len(labels), eager=True), answered)
    )
    return every, some, float(answered.mean() or 0)


def comments() -> list[str]:
    """Different comments, of words of SmSA's validation split in a random order."""
    rng = random.Random(SEED)
    words = sorted(set(" ".join(smsa("valid")["text"]).split()))
    return [" ".join(rng.choices(words, k=rng.randint(3, MOST_WORDS))) + f" {n}" for n in range(COMMENTS)]


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    """Print the tables."""
    print(f"{'texts':<22} {'by':<10} {'n':>6} {'share':>6} {'answered':>9} {'all':>6}")
    model = SentimentModel.fit(*smsa("train"))
    test, posts = smsa("test"), tweets()
    for name, rows, by, predict in (
        ("SmSA, test", test, "lexicon", sentiment),
        ("Malay tweets", posts, "lexicon", sentiment),
        ("SmSA, test", test, "model", lambda texts: model.predict(texts, 0)),
        ("SmSA, test", test, "model, .5", model.predict),
    ):
        every, some, share = rates(rows["label"], predict(rows["text"])["label"])
        print(f"{name:<22} {by:<10} {rows.height:>6} {share:>6.2f} {some:>9.3f} {every:>6.3f}")
    print(f"model, cross-validated on SmSA's train split: {model.macro_f1:.3f} of {model.n} texts")
    texts = comments()
    groups = ["detractor" if n % 3 else "promoter" for n in range(len(texts))]
    sentiment(texts[:10])  # imports and the lexicon are there
    for name, work in (("sentiment", lambda: sentiment(texts)), ("themes", lambda: themes(texts, groups))):
        print(f"{name}: {timed(work):.2f} s of {len(texts)} different comments")


if __name__ == "__main__":
    main()
