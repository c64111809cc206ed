"""Topics of texts: those that were planted, counted by writers, the same each time."""

import numpy as np
import pandas as pd
import pytest

from engagekit.customers.topics import topics

PLANTED = {"kurir": ["paket", "alamat"], "aplikasi": ["login", "sandi"], "kemasan": ["bocor", "sobek"]}
OTHERS = [first + second for first in ("bim", "dop", "rut", "zel", "kam") for second in ("bang", "dur", "gis", "lom")]


def planted(seed=1):
    rng = np.random.default_rng(seed)
    names = [str(name) for name in rng.choice(list(PLANTED), 300, p=[0.5, 0.3, 0.2])]
    return [" ".join([name, rng.choice(PLANTED[name]), *rng.choice(OTHERS, 2)]) for name in names], names


def test_planted_topics_are_the_topics_and_each_text_is_in_its_own():
    texts, names = planted()
    made = topics(texts, k=3)
    heads = [words.split(", ")[0] for words in made.table["words"]]
    assert heads == ["kurir", "aplikasi", "kemasan"]
    assert [heads[topic - 1] for topic in made.assigned] == names
    assert made.table["texts"].tolist() == [names.count(name) for name in heads]
    assert made.table["share"].sum() == pytest.approx(1)


def test_the_quote_is_a_short_typical_text_and_masked():
    texts = ["Pak Budi terlambat, hp 0812-3456-7890"] * 6 + ["aplikasi error"] * 6
    quotes = dict(topics(texts, k=2).table[["words", "quote"]].to_numpy())
    assert set(quotes.values()) == {"Pak [name] terlambat, hp [phone]", "aplikasi error"}


def test_a_topic_of_fewer_than_five_writers_has_no_quote():
    texts = ["kurir terlambat"] * 9 + ["aplikasi error"] * 9
    made = topics(texts, k=2, writers=["a", "b", "c", "d"] * 2 + ["a"] + [str(n) for n in range(9)])
    assert made.table["writers"].tolist() == [9, 4]
    assert made.table["quote"].iloc[0] == "aplikasi error"
    assert made.table["quote"].isna().tolist() == [False, True]


def test_periods_count_the_writers_of_each():
    texts = ["kurir terlambat"] * 8 + ["aplikasi error"] * 4
    made = topics(texts, ["2026-01"] * 4 + ["2026-02"] * 8, k=2)
    rows = made.periods.set_index(["period", "topic"])
    assert rows["writers"].tolist() == [4, 0, 4, 4]
    assert rows["share"].tolist() == [1, 0, 0.5, 0.5]


def test_the_order_of_the_texts_changes_nothing():
    texts, _ = planted()
    made, turned = topics(texts, k=3), topics(texts[::-1], k=3)
    assert made.table.equals(turned.table)
    assert made.assigned.tolist() == turned.assigned.tolist()[::-1]


def test_an_index_stays():
    made = topics(pd.Series(["kurir terlambat"] * 6, index=range(10, 16)))
    assert list(made.assigned.index) == list(range(10, 16))


@pytest.mark.parametrize(
    "texts", [[], [None], ["kurir terlambat"], ["😡"] * 9, ["", "  "], ["satu dua tiga", "yang dan"]]
)
def test_without_words_that_recur_there_is_no_topic(texts):
    made = topics(texts)
    assert made.table.empty
    assert made.assigned.tolist() == [0] * len(texts)


def test_one_text_many_times_is_one_topic():
    made = topics(["kurir terlambat"] * 30)
    assert made.table[["topic", "texts", "share"]].to_numpy().tolist() == [[1, 30, 1.0]]


def test_k_must_be_1_or_above():
    with pytest.raises(ValueError, match="k: 0 must be 1 or above"):
        topics(["kurir"], k=0)


def test_markup_is_no_topic_and_not_quoted():
    texts = ["<div class='x'>kurir&nbsp;terlambat<br/></div>"] * 6 + ["<p>aplikasi &amp; login error</p>"] * 6
    made = topics(texts, k=2).table
    assert sorted(word for words in made["words"] for word in words.split(", ")) == [
        "aplikasi", "error", "kurir", "login", "terlambat",
    ]  # fmt: skip
    assert set(made["quote"]) == {"kurir terlambat", "aplikasi & login error"}
