"""Sentiment of customers' texts by a lexicon: which words decided, and where it cannot be told."""

import html
import re
from collections.abc import Callable, Iterable
from typing import Any

import narwhals as nw
import polars as pl

from engagekit.customers.lexicon import LANGUAGES, emoticons, looked_up, phrases

__all__ = ["LABELS", "LONGEST", "for_each_text", "is_missing", "sentiment", "texts_of", "writers_of"]

LABELS = ("positive", "neutral", "negative", "unknown")
LONGEST = 2000  # characters of a text that are read
SCOPE = (1, 2, 3)  # words before an opinion among which a negation turns it round
FOLLOWING = (-1, -2, -3)  # words after kurang or tidak ada, which are bad where none of them is an opinion
BESIDE = (1, 2, -1)  # words before and after it among which an intensifier counts
GOOD_NEGATED, BAD_NEGATED = -1.0, -0.5  # not good is bad; not bad is not quite good
STRONGER, WEAKER = 1.5, 0.5
DILUTION = 0.05  # weight without an opinion that each word adds
KNOWN = 0.25  # least share of known words
BOTH_WAYS = 0.3  # least lead of one side, as a share of both
SPARSE = 0.06  # least lead of one side, for each word of the text
NO_WORDS = r"https?://\S+|www\.\S+|\S+@\S+|[@#]\w+"
PARTS = r"\p{L}(?:[\p{L}\p{M}\p{N}'-]*[\p{L}\p{M}\p{N}])?|[.,;:!?()\n/]|\p{Extended_Pictographic}"
MARKUP = re.compile(r"<[/!?a-z][^<>]{0,300}>", re.IGNORECASE)
APOSTROPHES = str.maketrans("’‘ʼ´", "'" * 4)
MARKS = list(".,;:!?()\n/")
WORD = pl.Schema(
    {
        "token": pl.String,
        "form": pl.String,
        "weight": pl.Float64,
        "role": pl.String,
        **{f"only_{language}": pl.Boolean for language in LANGUAGES},
        **{f"in_{language}": pl.Float64 for language in LANGUAGES},
    }
)


def sentiment(texts: Any, ignore: Iterable[str] = ()) -> Any:
    """Sentiment of each text, from -1 to 1, by the words of a lexicon in Indonesian, Malay and English.

    Parameters
    ----------
    texts : sequence of str, pandas.Series or polars.Series
        The first 2,000 characters of each are read. Markup, addresses, handles and links in them do not count.
    ignore : iterable of str
        Names that give no opinion, such as that of the business.

    Returns
    -------
    polars.DataFrame, or pandas.DataFrame with the index of a pandas Series
        ``sentiment``, null where it cannot be told; ``label``: ``positive``, ``negative``, ``neutral`` where the words
        are known and none gives an opinion, ``unknown`` where fewer than a quarter of the words are known, where they
        pull both ways, or where few words of a long text give an opinion; and ``words`` that decided, with their
        signs. All are null where there is no text.

    Notes
    -----
    Each word of the lexicon weighs 1 or 2. A negation among the three words before it, in the same clause, turns a good
    word into a bad one and a bad word into half a good one; an intensifier beside it makes it half as strong again, a
    diminisher half as strong. With P the weight of good words, N that of bad ones and k words, the sentiment is
    (P - N) / (P + N + k/20). It cannot be told where P and N differ by less than 30 % of their sum or by less than
    6 for each 100 words.

    Examples
    --------
    >>> made = sentiment(["Enak bgt, tidak mahal!", "Pelayanannya kurang ramah", "Buku di meja", "Die Ware war kaputt"])
    >>> made["label"].to_list()
    ['positive', 'negative', 'neutral', 'unknown']
    >>> made["words"].to_list()[:2]
    ['+enak, +tidak mahal', '−kurang ramah']
    """
    ignored = list(ignore)

    def score(unique: pl.DataFrame) -> pl.DataFrame:
        unique = unique.with_row_index("row")
        made = unique.join(_labelled(_valued(_with_phrases(_tokens(unique, ignored)))), on="row", how="left")
        label, words = pl.col("label").fill_null("unknown"), pl.col("words").fill_null("")
        return made.select("text", "sentiment", label, words)

    return for_each_text(texts, score)


def for_each_text(texts: Any, score: Callable[[pl.DataFrame], pl.DataFrame]) -> Any:
    """What a function gives for each text, null where there is none: a frame of the kind of the texts.

    Parameters
    ----------
    texts : sequence of str, pandas.Series or polars.Series
    score : callable
        Of a frame with the different texts in ``text``; it gives ``text`` and further columns.
    """
    series = nw.from_native(texts, series_only=True, pass_through=True)
    given = series.to_list() if isinstance(series, nw.Series) else texts
    rows = pl.DataFrame({"text": texts_of(given)}, schema={"text": pl.String})
    scored = score(rows.drop_nulls().unique(maintain_order=True))
    made = rows.join(scored, on="text", how="left", maintain_order="left").drop("text")
    if isinstance(series, nw.Series) and series.implementation.is_pandas():
        return made.to_pandas().set_axis(series.to_native().index)
    return made


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or pandas.NA."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA is neither equal to itself nor not
        return True


def texts_of(values: Iterable[Any]) -> list[str | None]:
    """Beginnings of texts without markup, None where there is none; a number is taken as it is written.

    Examples
    --------
    >>> texts_of(["good", "  ", None, float("nan"), 7, "<b>isn&rsquo;t</b> good"])
    ['good', None, None, None, '7', " isn't  good"]
    """
    given = ("" if is_missing(value) else str(value)[:LONGEST] for value in values)
    return [_plain(text) if text.strip() else None for text in given]


def writers_of(writers: Iterable[Any] | None, n: int, table: str = "") -> list[Any]:
    """Writers of n texts; a text without one has a writer of its own, another one in each table.

    Examples
    --------
    >>> writers_of(["ana", None, "ana"], 3, "mentions")
    ['ana', ('mentions', 1), 'ana']
    """
    given = [None] * n if writers is None else writers
    return [(table, at) if is_missing(writer) else writer for at, writer in enumerate(given)]


def _plain(text: str) -> str:
    """Text without markup and entities, and with one kind of apostrophe."""
    text = html.unescape(text)
    text = text if text.isascii() else text.translate(APOSTROPHES)
    return MARKUP.sub(" ", text) if "<" in text else text


def _tokens(texts: pl.DataFrame, ignored: list[str]) -> pl.DataFrame:
    """Words and emoji of each text in their order, their clauses, and what the lexicon says of them."""
    clean = pl.col("text").str.to_lowercase().str.replace_many({name.lower(): " " for name in ignored if name.strip()})
    clean = clean.str.replace_all(NO_WORDS, " ").str.replace_many(emoticons())
    tokens = texts.select("row", token=clean.str.extract_all(PARTS)).explode("token").drop_nulls()
    tokens = tokens.join(_vocabulary(tokens["token"]), on="token", how="left", maintain_order="left")
    tokens = tokens.with_columns(pl.col("role").fill_null(""), pl.col("weight").fill_null(0.0))
    other = (pl.col("row") != pl.col("row").shift(1)).fill_null(True)
    begins = pl.col("token").is_in(MARKS) | (pl.col("role") == "contrast") | other
    tokens = tokens.with_columns(clause=begins.cum_sum()).filter(~pl.col("token").is_in(MARKS))
    counts = pl.struct(pl.col(f"only_{name}").sum().over("row") for name in LANGUAGES).struct.unnest()
    tokens = tokens.with_columns(counts)
    own = pl.coalesce(
        pl.when(*(pl.col(f"only_{name}") > pl.col(f"only_{other}") for other in LANGUAGES if other != name)).then(
            pl.col(f"in_{name}")
        )
        for name in LANGUAGES
    )
    return tokens.select("row", "token", "form", "role", "clause", weight=own.fill_null(pl.col("weight")))


def _vocabulary(tokens: pl.Series) -> pl.DataFrame:
    """What the lexicon says of each different token; a form of nothing for one that it does not have."""
    rows = []
    for token in tokens.unique().sort():
        word = looked_up(token)
        if word is None:
            continue
        only = [word.languages == (language,) for language in LANGUAGES]
        own = [word.differs.get(language) for language in LANGUAGES]
        rows.append((token, word.form, word.weight, word.role, *only, *own))
    return pl.DataFrame(rows, WORD, orient="row")


def _beside(value: pl.Expr, step: int) -> pl.Expr:
    """What the word so many words before, or below 0 after, has in the same clause."""
    return pl.when(pl.col("clause") == pl.col("clause").shift(step)).then(value.shift(step))


def _any_beside(condition: pl.Expr, steps: Iterable[int]) -> pl.Expr:
    return pl.any_horizontal(_beside(condition, step).fill_null(False) for step in steps)


def _with_phrases(tokens: pl.DataFrame) -> pl.DataFrame:
    """Words of which two that make a phrase of the lexicon weigh as it says, in the place of the first."""
    form = pl.coalesce("form", "token")
    typed = form + "_" + _beside(form, -1)
    known = {name: phrase.weight for name, phrase in phrases().items()}
    roles = {name: phrase.role for name, phrase in phrases().items()}
    tokens = tokens.with_columns(
        phrase=typed.replace_strict(known, default=None, return_dtype=pl.Float64),
        phrase_role=typed.replace_strict(roles, default=None, return_dtype=pl.String),
    )
    tokens = tokens.with_columns(phrase=pl.when(_beside(pl.col("phrase"), 1).is_null()).then("phrase"))
    first = pl.col("phrase").is_not_null()
    second = _beside(first, 1).fill_null(False)
    return tokens.with_columns(
        form=pl.when(first | second).then(form).otherwise("form"),
        weight=pl.when(first).then("phrase").when(second).then(0.0).otherwise("weight"),
        role=pl.when(first).then("phrase_role").when(second).then(pl.lit("")).otherwise("role"),
        shown=pl.when(first).then(pl.col("token") + " " + pl.col("token").shift(-1)).otherwise("token"),
    )


def _valued(tokens: pl.DataFrame) -> pl.DataFrame:
    """Value of the opinion in each word, and how it is shown, with its negation."""
    role = pl.col("role")
    alone = (role == "less") & ~_any_beside(pl.col("weight") != 0, FOLLOWING)
    tokens = tokens.with_columns(
        weight=pl.when(alone).then(-1.0).otherwise("weight"), turns=role.is_in(["negation", "less"]) & ~alone
    )
    turning = pl.when("turns").then(pl.col("shown") + " ")
    negation = pl.coalesce(_beside(turning, step) for step in SCOPE)
    good = pl.col("weight") > 0
    turned = pl.when(negation.is_null()).then(1.0).when(good).then(GOOD_NEGATED).otherwise(BAD_NEGATED)
    stronger = pl.when(_any_beside(role == "intensifier", BESIDE)).then(STRONGER).otherwise(1.0)
    weaker = pl.when(_any_beside(role == "diminisher", BESIDE)).then(WEAKER).otherwise(1.0)
    value = pl.col("weight") * turned * stronger * weaker
    return tokens.with_columns(value=value, shown=negation.fill_null("") + pl.col("shown"))


def _labelled(tokens: pl.DataFrame) -> pl.DataFrame:
    """Sentiment, label and deciding words of each text."""
    value = pl.col("value")
    sign = pl.when(value > 0).then(pl.lit("+")).otherwise(pl.lit("−"))
    sums = tokens.group_by("row", maintain_order=True).agg(
        good=value.filter(value > 0).sum(),
        bad=-value.filter(value < 0).sum(),
        words=(sign + pl.col("shown")).filter(value != 0).str.join(", "),
        size=pl.len(),
        known=pl.col("form").is_not_null().mean(),
    )
    good, bad = pl.col("good"), pl.col("bad")
    balance = (good - bad) / (good + bad + DILUTION * pl.col("size"))
    least = pl.max_horizontal(BOTH_WAYS * (good + bad), SPARSE * pl.col("size"))
    unsure = (good + bad > 0) & ((good - bad).abs() < least)
    opinion = pl.when(good > bad).then(pl.lit("positive")).otherwise(pl.lit("negative"))
    told = pl.when(good + bad == 0).then(pl.lit("neutral")).otherwise(opinion)
    label = pl.when((pl.col("known") < KNOWN) | unsure).then(pl.lit("unknown")).otherwise(told)
    return sums.select("row", "words", sentiment=pl.when(label != "unknown").then(balance), label=label)
