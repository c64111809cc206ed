"""Sentiment of texts by the lexicon: rules one by one, and texts that no customer should send."""

import time

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagekit.customers.lexicon import LANGUAGES, _data, looked_up, phrases
from engagekit.customers.voice import LABELS, LONGEST, sentiment

OPINIONS = ("very_good", "good", "bad", "very_bad")


def label(text):
    return sentiment([text])["label"].item()


def value(text):
    return sentiment([text])["sentiment"].item()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Kopinya enak banget", "positive"),
        ("pelayanan lambat bgt, kecewa", "negative"),
        ("brgnya gak bagus", "negative"),
        ("Rasanya kurang enak", "negative"),
        ("Pesanan belum sampai", "negative"),
        ("Tidak mahal", "positive"),
        ("baguuusss", "positive"),
        ("cepat-cepat sekali kirimnya", "positive"),
        ("Perkhidmatan teruk, tak berbaloi", "negative"),
        ("xsedap pun", "negative"),
        ("Memang best, berbaloi", "positive"),
        ("The staff were not helpful", "negative"),
        ("Great coffee and friendly staff", "positive"),
        ("Delivery cepat but the box was not damaged, best!", "positive"),
        ("It can't be slow", "positive"),
        ("tidak terlalu mahal", "positive"),
        ("tidak terlalu enak", "negative"),
        ("not too expensive", "positive"),
        ("jangan beli di sini", "negative"),
        ("don't buy here", "negative"),
        ("I will never come back", "negative"),
        ("cepat habis", "neutral"),
        ("I ordered a box yesterday", "neutral"),
        ("Kopi di meja", "neutral"),
        ("enak :)", "positive"),
        ("👍👍", "positive"),
        ("😡", "negative"),
    ],
)
def test_a_comment_has_the_sentiment_that_people_read_in_it(text, expected):
    assert label(text) == expected


def test_the_number_is_worked_out_by_hand():
    assert value("enak") == pytest.approx(1 / (1 + 0.05))
    assert value("sangat enak") == pytest.approx(1.5 / (1.5 + 0.1))
    assert value("agak mahal") == pytest.approx(-0.5 / (0.5 + 0.1))
    assert value("tidak enak") == pytest.approx(-1 / (1 + 0.1))
    assert value("tidak mahal") == pytest.approx(0.5 / (0.5 + 0.1))
    assert value("enak ramah lambat") == pytest.approx((2 - 1) / (2 + 1 + 0.15))
    assert value("enak ramah cepat lambat") == pytest.approx((3 - 1) / (3 + 1 + 0.2))


def test_a_negation_reaches_three_words_and_not_into_the_next_clause():
    assert sentiment(["tidak saya rasa enak"])["words"].item() == "−tidak enak"
    assert sentiment(["tidak saya rasa itu enak"])["words"].item() == "+enak"
    assert sentiment(["tidak, enak"])["words"].item() == "+enak"
    assert sentiment(["tidak tapi enak"])["words"].item() == "+enak"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tidak ada masalah", "+tidak ada masalah"),
        ("gak ada kendala", "+gak ada kendala"),
        ("tak ada keluhan", "+tak ada keluhan"),
        ("tidak ada yang mengecewakan", "+tidak ada mengecewakan"),
        ("tidak ada yang istimewa", "−tidak ada istimewa"),
        ("stok tidak ada", "−tidak ada"),
        ("tidak ada sinyal, masalah", "−tidak ada, −masalah"),
    ],
)
def test_there_is_none_turns_what_follows_round_and_is_bad_where_nothing_does(text, words):
    assert sentiment([text])["words"].item() == words


def test_words_that_pull_both_ways_cannot_be_told_and_are_shown():
    made = sentiment(["Enak tapi lama"]).row(0, named=True)
    assert made == {"sentiment": None, "label": "unknown", "words": "+enak, −lama"}


def test_one_opinion_in_a_long_text_cannot_be_told():
    assert label("enak " + "itu " * 10) == "positive"
    assert label("enak " + "itu " * 20) == "unknown"


def test_a_word_that_praises_in_one_language_alone_counts_as_in_that_of_its_text():
    assert label("saya tak perlu bayar sebab percuma") == "positive"  # free, in Malay
    assert label("aku enggak jadi, percuma banget karena kayak gitu") == "negative"  # in vain, in Indonesian
    assert label("percuma") == "neutral"  # of either


def test_the_name_of_a_business_gives_no_opinion():
    assert label("Akaun Mudah dan resit") == "positive"
    assert sentiment(["Akaun Mudah dan resit"], ["Akaun Mudah"])["label"].item() == "neutral"


@pytest.mark.parametrize(
    "text",
    [
        "สินค้าดีมากแต่ส่งช้าไปหน่อยครับผม",
        "Die Lieferung kam leider viel später als versprochen",
        "Доставка была очень быстрой",
        "配送很快，味道不错",
        "🛵🛵🛵",
        "12345 67890",
        "=1+1",
        "<html><br/></html>",
        "!!! ??? ...",
    ],
)
def test_a_text_without_words_that_are_known_is_unknown(text):
    assert sentiment([text]).row(0) == (None, "unknown", "")


def test_no_text_is_no_comment():
    made = sentiment(["", "   ", None, float("nan"), "enak"])
    assert made["label"].to_list() == [None, None, None, None, "positive"]
    assert sentiment([]).shape == (0, 3)


def test_markup_addresses_and_formulas_do_not_count():
    assert label("<b>good</b> <script>bad</script>") == label("good bad") == "unknown"
    assert label("see https://bad.example/awful or bad@awful.example, #terrible @horrible") == "neutral"
    assert label('=HYPERLINK("x") very good service') == "positive"


def test_quotation_marks_are_no_part_of_a_word():
    assert sentiment(["the ‘good’ one"])["words"].item() == "+good"


def test_a_text_is_read_up_to_two_thousand_characters():
    assert label("enak " + " " * LONGEST + "buruk buruk buruk") == "positive"


@pytest.mark.parametrize(
    "text", ["a" * 10**6, "tidak " * 200_000, "<" * 10**6, "@a." * 300_000, "haha" * 250_000, "-a" * 500_000]
)
def test_a_text_of_a_megabyte_takes_no_longer_than_its_beginning(text):
    sentiment(["enak"])
    begun = time.perf_counter()
    sentiment([text])
    assert time.perf_counter() - begun < 1


def test_many_equal_texts_are_scored_once_and_come_in_their_order():
    made = sentiment(["enak", "buruk"] * 3)
    assert made["label"].to_list() == ["positive", "negative"] * 3


def test_a_pandas_series_gives_a_pandas_frame_with_its_index():
    texts = pd.Series(["enak", None, "buruk"], index=[7, 8, 9])
    made = sentiment(texts)
    assert list(made.index) == [7, 8, 9]
    assert made["label"].tolist()[::2] == ["positive", "negative"]
    assert made["sentiment"].isna().tolist() == [False, True, False]
    assert sentiment(pl.Series(["enak"])).columns == ["sentiment", "label", "words"]


@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_texts_have_a_sentiment_within_its_range_whatever_stands_beside_them(texts):
    together = sentiment(texts)
    assert together.height == len(texts)
    assert set(together["label"].drop_nulls()) <= set(LABELS)
    assert together["sentiment"].drop_nulls().is_between(-1, 1).all()
    assert together.equals(pl.concat([sentiment([text]) for text in texts]) if texts else sentiment([]))


def test_the_lexicon_says_one_thing_of_each_word():
    data = _data()
    for language in LANGUAGES:
        listed = [word for kind in OPINIONS for word in data[language][kind].split()]
        others = {word for kind in data[language] if kind not in OPINIONS for word in data[language][kind].split()}
        assert len(listed) == len(set(listed))
        assert not others.intersection(listed)
        assert not set(data["differs"]).intersection(listed)
    good, bad = (
        {word for language in LANGUAGES for kind in kinds for word in data[language][kind].split()}
        for kinds in (OPINIONS[:2], OPINIONS[2:])
    )
    assert not good & bad
    assert len(good | bad) > 1000
    assert all(phrase.count("_") == 1 for phrase in phrases())


@pytest.mark.parametrize(
    ("typed", "form"),
    [
        ("enakkk", "enak"),
        ("enak-enak", "enak"),
        ("enak2", "enak"),
        ("ramahnya", "ramah"),
        ("terburuklah", "terburuk"),
        ("disappointingly", "disappointing"),
        ("gak", "tidak"),
        ("kebijakan", "kebijakan"),
    ],
)
def test_a_typed_word_is_found_under_its_form(typed, form):
    assert looked_up(typed).form == form


@pytest.mark.parametrize("typed", ["badan", "latte", "kopi-susu", "zzz"])
def test_a_word_that_only_looks_like_another_is_not_taken_for_it(typed):
    assert looked_up(typed) is None or looked_up(typed).weight == 0


def test_a_missing_value_of_pandas_is_no_text():
    made = sentiment(pd.Series(["enak", None, "buruk"], dtype="string"))
    assert made["label"].tolist()[::2] == ["positive", "negative"]
    assert made["label"].isna().tolist() == [False, True, False]
    assert sentiment([pd.NA, pd.NaT, "enak"])["label"].to_list() == [None, None, "positive"]


@pytest.mark.parametrize("apostrophe", ["’", "‘", "ʼ", "´", "&rsquo;", "&#39;"])
def test_any_apostrophe_is_one(apostrophe):
    texts = [f"isn{apostrophe}t good", f"don{apostrophe}t like it", f"wasn{apostrophe}t bad"]
    assert sentiment(texts)["label"].to_list() == ["negative", "negative", "positive"]
