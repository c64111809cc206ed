"""Sentiment of customers' texts by a lexicon: which words decided, and where it cannot be told."""

from typing import Any

import narwhals as nw
import polars as pl

from engagekit.customers.lexicon import EMOTICONS, PHRASES, looked_up

__all__ = ["LABELS", "LONGEST", "sentiment"]

LABELS = ("positive", "neutral", "negative", "unknown")
LONGEST = 2000  # characters of a text that are read
SCOPE = 3  # words after a negation that it turns round
NEAR = 2  # words between an intensifier and what it intensifies
FLIPPED_GOOD, FLIPPED_BAD = -1.0, -0.5  # not good is bad; not bad is not quite good
STRONGER, WEAKER = 1.5, 0.5
DILUTION = 0.05  # opinion that each word takes away
KNOWN = 0.25  # least share of known words
OPINION = 0.15  # least sentiment, positive or negative, of an opinion
BOTH_WAYS = 0.34  # least share by which one side must outweigh the other
MARKUP = r"<[^<>]{0,300}>|&[a-z]{2,8};|&#\d{1,6};|https?://\S+|www\.\S+|\S+@\S+|[@#]\w+"
TOKEN = r"\p{L}[\p{L}\p{M}\p{N}'’-]*|[.,;:!?()\n/]|\p{Extended_Pictographic}"
BREAKS = list(".,;:!?()\n/")


def sentiment(texts: Any) -> Any:
    """Sentiment of each text, from -1 to 1, by the words of a lexicon in Indonesian, Malay and English.

    Parameters
    ----------
    texts : sequence of str, pandas.Series or polars.Series
        The first 2,000 characters of each are read. Markup, addresses, handles and links in them do not count.

    Returns
    -------
    polars.DataFrame, or pandas.DataFrame with the index of a pandas Series
        ``sentiment``, null where it cannot be told; ``label``: ``positive``, ``negative``, ``neutral`` where the words
        are known and give no opinion, ``unknown`` where fewer than a quarter of the words are known or where words
        pull both ways; and ``words`` that decided, with their signs. All three are null where there is no text.

    Notes
    -----
    Each word of the lexicon weighs 1 or 2. A negation among the three words before it, in the same clause, turns a good
    word into a bad one and a bad word into half a good one; an intensifier beside it counts half as much again, a
    diminisher by half. With P the weight of good words, N that of bad ones and k words: (P - N) / (P + N + k/20). Below
    0.15 on either side that is no opinion.

    Examples
    --------
    >>> made = sentiment(["Enak bgt, tidak mahal!", "Pelayanannya kurang ramah", "Buku di meja", "Das Paket war kaputt"])
    >>> made["label"].to_list()
    ['positive', 'negative', 'neutral', 'unknown']
    >>> made["words"].to_list()[:2]
    ['+enak, +tidak mahal', '−kurang ramah']
    """
    series = nw.from_native(texts, series_only=True, pass_through=True)
    if not isinstance(series, nw.Series):
        return _scored(pl.Series(_texts(texts), dtype=pl.String))
    made = _scored(pl.Series(_texts(series.to_list()), dtype=pl.String))
    if not series.implementation.is_pandas():
        return made
    return made.to_pandas().set_axis(series.to_native().index)


def _texts(values: Any) -> list[str | None]:
    """Texts as strings, None where there is none."""
    return [value[:LONGEST] if isinstance(value, str) else None if value is None or value != value else str(value)
            for value in values]


def _scored(texts: pl.Series) -> pl.DataFrame:
    rows = texts.alias("text").to_frame().with_columns(pl.col("text").replace("", None))
    blank = pl.col("text").str.strip_chars() == ""
    rows = rows.with_columns(text=pl.when(~blank).then("text"))
    unique = rows.drop_nulls().unique(maintain_order=True)
    made = unique.with_row_index("row").join(_judged(_tokens(unique["text"])), on="row", how="left")
    made = made.with_columns(pl.col("label").fill_null("unknown"), pl.col("words").fill_null(""))
    return rows.join(made, on="text", how="left", maintain_order="left").select("sentiment", "label", "words")


def _tokens(texts: pl.Series) -> pl.DataFrame:
    """Words, marks and emoji of each text with what the lexicon says of them."""
    clean = pl.col("text").str.to_lowercase().str.replace_all(MARKUP, " ").str.replace_many(EMOTICONS)
    rows = texts.alias("text").to_frame().with_row_index("row")
    rows = rows.select("row", token=clean.str.extract_all(TOKEN)).explode("token").drop_nulls()
    vocabulary = rows["token"].unique().sort()
    entries = [looked_up(token) for token in vocabulary]
    known = pl.DataFrame(
        {
            "token": vocabulary,
            "form": [entry.form if entry else "" for entry in entries],
            "weight": [entry.polarity if entry else 0.0 for entry in entries],
            "role": [entry.role if entry else "" for entry in entries],
        },
        schema={"token": pl.String, "form": pl.String, "weight": pl.Float64, "role": pl.String},
    )
    rows = rows.join(known, on="token", how="left", maintain_order="left")
    mark = pl.col("token").is_in(BREAKS)
    begins = mark | (pl.col("role") == "contrast") | (pl.col("row") != pl.col("row").shift(1))
    rows = rows.with_columns(clause=begins.fill_null(True).cum_sum()).filter(~mark)
    return rows


def _near(condition: pl.Expr, *steps: int) -> pl.Expr:
    """Whether a condition holds so many words before (above 0) or after in the same clause."""
    same = (condition.shift(step) & (pl.col("clause") == pl.col("clause").shift(step)) for step in steps)
    return pl.any_horizontal(each.fill_null(False) for each in same)


def _judged(tokens: pl.DataFrame) -> pl.DataFrame:
    pair = pl.col("form") + "_" + pl.col("form").shift(-1)
    pair = pl.when(pl.col("clause") == pl.col("clause").shift(-1)).then(pair)
    phrase = pair.replace_strict(PHRASES, default=None, return_dtype=pl.Float64)
    tokens = tokens.with_columns(phrase=phrase)
    second = pl.col("phrase").is_not_null().shift(1, fill_value=False)
    tokens = tokens.with_columns(
        weight=pl.when(pl.col("phrase").is_not_null()).then("phrase").when(second).then(0.0).otherwise("weight"),
        role=pl.when(pl.col("phrase").is_not_null() | second).then(pl.lit("")).otherwise("role"),
        shown=pl.when(pl.col("phrase").is_not_null()).then(pl.col("token") + " " + pl.col("token").shift(-1)).otherwise("token"),
    )
    role, opinion = pl.col("role"), pl.col("weight") != 0
    alone = (role == "less") & ~_near(opinion, -1, -2)
    tokens = tokens.with_columns(weight=pl.when(alone).then(-1.0).otherwise("weight"))
    turns = role.is_in(["negation", "less"]) & ~alone
    negated = _near(turns, *range(1, SCOPE + 1))
    flipped = pl.when(negated & (pl.col("weight") > 0)).then(FLIPPED_GOOD).when(negated).then(FLIPPED_BAD).otherwise(1.0)
    stronger = pl.when(_near(role == "intensifier", 1, 2, -1)).then(STRONGER).otherwise(1.0)
    weaker = pl.when(_near(role == "diminisher", 1, 2)).then(WEAKER).otherwise(1.0)
    before = pl.coalesce(
        pl.when((turns & (pl.col("clause") == pl.col("clause"))).shift(step) & (pl.col("clause") == pl.col("clause").shift(step))).then(pl.col("token").shift(step) + " ")
        for step in range(1, SCOPE + 1)
    ).fill_null("")
    value = pl.col("weight") * flipped * stronger * weaker
    tokens = tokens.with_columns(value=value, shown=before + pl.col("shown"))
    sign = pl.when(pl.col("value") > 0).then(pl.lit("+")).otherwise(pl.lit("−"))
    value = pl.col("value")
    sums = tokens.group_by("row", maintain_order=True).agg(
        good=value.filter(value > 0).sum(),
        bad=-value.filter(value < 0).sum(),
        size=pl.len(),
        known=(pl.col("form") != "").mean(),
        words=(sign + pl.col("shown")).filter(value != 0).str.join(", "),
    )
    good, bad = pl.col("good"), pl.col("bad")
    balance = (good - bad) / (good + bad + DILUTION * pl.col("size"))
    torn = (good + bad > 0) & ((good - bad).abs() < BOTH_WAYS * (good + bad))
    unknown = (pl.col("known") < KNOWN) | torn
    label = pl.when(unknown).then(pl.lit("unknown")).when(balance.abs() < OPINION).then(pl.lit("neutral"))
    label = label.when(balance > 0).then(pl.lit("positive")).otherwise(pl.lit("negative"))
    return sums.select("row", "words", "good", "bad", "size", "known", sentiment=pl.when(~unknown).then(balance), label=label)
