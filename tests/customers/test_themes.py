"""What one group says more than another: by hand, by a second route, and by a simulation with a planted theme."""

import math

import numpy as np
import pytest
from scipy import stats

from engagekit.customers.terms import distinct_terms, has_term, term_matrix
from engagekit.customers.themes import _fisher, log_odds, new_terms, themes

WORDS = [f"{first}{second}{third}" for first in "bcdfgk" for second in "aeou" for third in ("bim", "dop", "rut", "zel")]


def simulated(seed, texts=200, planted=0.25):
    """Texts of random words of two groups; a share of the detractors adds the planted theme."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(len(WORDS), 0.5))
    groups = ["detractor", "promoter", "passive"] * texts
    made = []
    for group in groups:
        words = list(rng.choice(WORDS, size=rng.integers(4, 12), p=weights))
        if rng.random() < (planted if group == "detractor" else planted / 10):
            words.insert(rng.integers(0, len(words)), "kelmut")
        made.append(" ".join(words))
    return made, groups


@pytest.mark.parametrize("seed", range(12))
def test_a_theme_planted_among_detractors_is_the_first(seed):
    made = themes(*simulated(seed))
    assert "kelmut" in made["term"].iloc[0].split()
    assert made["clear"].iloc[0]


def test_without_a_planted_theme_hardly_anything_is_clear():
    clear = [len(made[made["clear"]]) for made in (themes(*simulated(seed, planted=0)) for seed in range(20))]
    assert sum(count > 0 for count in clear) <= 5  # in one of ten by chance, at a false-discovery rate of 10 %


def test_log_odds_are_those_of_a_logistic_model_of_each_term():
    """A logistic regression of who uses a term, with the prior's writers added to both groups: its Wald z."""
    import statsmodels.api as sm

    rng = np.random.default_rng(1)
    first, second, rest = rng.integers(0, 30, (3, 20))
    everything, prior, n = first + second + rest, 50.0, (40, 60, 150)
    d, z = log_odds(first, second, everything, n, prior)
    uses, groups = np.array([1, 1, 0, 0]), np.array([[1, 1], [1, 0]] * 2)
    for w in range(20):
        b = prior * (everything[w] + 0.5) / (n[2] + 1)
        used = np.array([first[w] + b, second[w] + b])
        counts = np.r_[used, np.array(n[:2]) + prior - used]
        fitted = sm.GLM(uses, groups, family=sm.families.Binomial(), freq_weights=counts).fit()
        assert d[w] == pytest.approx(fitted.params[1], rel=1e-4)
        assert z[w] == pytest.approx(fitted.tvalues[1], rel=1e-4)


def test_those_who_write_nothing_but_emoji_do_not_say_what_others_say():
    made = themes(["kurir lambat sekali"] * 20 + ["👍"] * 40, ["detractor"] * 20 + ["promoter"] * 40)
    assert made[["term", "n_first", "n_second", "clear"]].to_numpy().tolist() == [["kurir lambat", 20, 0, True]]
    assert made["z"].iloc[0] > 3


def test_terms_that_are_left_out_hide_no_other():
    texts, groups = ["aplikasi membantu, kurir"] * 9 + ["ramah"] * 9, ["detractor"] * 9 + ["promoter"] * 9
    made = themes(texts, groups, without=lambda term: "aplikasi" in term or "membantu" in term)
    assert made["term"].tolist() == ["kurir", "ramah"]


def test_by_hand():
    """Six say lambat, six say ramah; the prior of 4 has 2 of each: log(8/2) twice, over sqrt(1/8 + 1/2 twice)."""
    made = themes(["lambat"] * 6 + ["ramah"] * 6, ["detractor"] * 6 + ["promoter"] * 6, prior=4)
    assert made["term"].tolist() == ["lambat", "ramah"]
    assert made["log_odds"].tolist() == pytest.approx([2 * math.log(4), -2 * math.log(4)])
    assert made["z"].iloc[0] == pytest.approx(2 * math.log(4) / math.sqrt(5 / 4))
    assert made[["n_first", "n_second", "share_first", "share_second"]].iloc[0].tolist() == [6, 0, 1, 0]


def test_markup_is_no_theme():
    texts = ["<div class='red'>kurir&nbsp;terlambat</div>"] * 9 + ["ramah"] * 9
    terms = themes(texts, ["detractor"] * 9 + ["promoter"] * 9)["term"].tolist()
    assert terms == ["kurir terlambat", "ramah"]


def test_a_writer_counts_once_in_a_group():
    texts, groups = ["lambat sekali"] * 9 + ["ramah"] * 9, ["detractor"] * 9 + ["promoter"] * 9
    made = themes(texts, groups, writers=["a"] * 5 + list("bcde") + [f"p{n}" for n in range(9)])
    assert made.set_index("term").loc["lambat", "n_first"] == 5


def test_terms_of_fewer_than_five_writers_are_left_out():
    texts = ["lambat"] * 4 + ["dingin"] * 5 + ["ramah"] * 9
    made = themes(texts, ["detractor"] * 9 + ["promoter"] * 9)
    assert made["term"].tolist() == ["dingin", "ramah"]


def test_order_of_rows_and_repeats_of_the_call_change_nothing():
    texts, groups = simulated(3)
    made = themes(texts, groups)
    assert themes(texts[::-1], groups[::-1]).equals(made)


@pytest.mark.parametrize(
    ("texts", "groups"),
    [
        ([], []),
        (["lambat"], ["detractor"]),
        (["lambat"] * 9, ["detractor"] * 9),
        ([None, "", float("nan")] * 3, ["detractor", "promoter", "detractor"] * 3),
        (["😡"] * 9, ["detractor", "promoter", "detractor"] * 3),
    ],
)
def test_without_two_groups_of_words_there_is_no_theme(texts, groups):
    made = themes(texts, groups)
    assert made.empty
    assert "term" in made


def test_all_the_same_text_is_no_difference():
    made = themes(["kurir terlambat"] * 20, ["detractor", "promoter"] * 10)
    assert not made["clear"].any()
    assert made["z"].abs().max() == 0


def test_a_prior_must_be_above_0():
    with pytest.raises(ValueError, match="prior: 0 must be above 0"):
        themes(["lambat"] * 9 + ["ramah"] * 9, ["detractor"] * 9 + ["promoter"] * 9, prior=0)


def test_names_and_numbers_are_no_terms():
    _, terms = term_matrix(["Pak Budi terlambat, hp 0812-3456-7890, a@b.co", "<b>kurir</b> =SUM(A1)"])
    assert "budi" not in terms
    assert not any(char.isdigit() or char in "@[]" for term in terms for char in term)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("உணவு மிகவும் சுவை", ["உணவு", "உணவு மிகவும்", "சுவை", "மிகவும்", "மிகவும் சுவை"]),
        ("สินค้าดีมาก ส่งช้า", ["ส่งช้า", "สินค้าดีมาก", "สินค้าดีมาก ส่งช้า"]),
        ("the cafe\u0301, slow", ["cafe\u0301", "slow"]),
    ],
)
def test_a_word_keeps_its_vowel_signs_and_accents(text, expected):
    assert sorted(term_matrix([text])[1]) == sorted(expected)


def test_pairs_stand_in_a_clause_and_may_begin_with_a_negation():
    _, terms = term_matrix(["kurir lambat, aplikasinya tidak bisa dibuka"], stop=["Kurir"])
    assert terms == ["aplikasi", "dibuka", "lambat"] or "tidak dibuka" not in terms
    assert "lambat aplikasi" not in terms


def test_terms_of_mostly_the_same_texts_are_one_theme():
    matrix, terms = term_matrix(["ongkos kirimnya mahal"] * 9 + ["mahal"])
    kept = [terms[at] for at in distinct_terms(matrix, range(len(terms)))]
    assert kept == [terms[0]]
    assert has_term(["ongkos kirimnya mahal", "mahal"], "ongkos") == [True, False]


@pytest.mark.parametrize(("new", "n", "old", "m"), [(5, 20, 1, 100), (9, 9, 0, 60), (3, 50, 3, 50), (0, 5, 4, 9)])
def test_the_chance_of_a_rise_is_that_of_fishers_exact_test(new, n, old, m):
    table = [[new, n - new], [old, m - old]]
    assert _fisher(new, n, old, m) == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue)


def test_a_new_topic_is_one_that_was_hardly_there_before():
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(WORDS, 6)) for _ in range(400)]
    recent = [n >= 340 for n in range(400)]
    assert new_terms(texts, recent).empty
    texts = [
        f"{text} kelmut" if late and n % 5 == 0 else text
        for n, (text, late) in enumerate(zip(texts, recent, strict=True))
    ]
    made = new_terms(texts, recent)
    assert made["term"].tolist() == ["kelmut"]
    assert made[["n_recent", "n_before", "share_recent"]].iloc[0].tolist() == [12, 0, 0.2]


def test_what_was_common_before_is_not_new_however_it_rises():
    texts = ["lambat"] * 10 + ["ramah"] * 190 + ["lambat"] * 30
    assert new_terms(texts, [False] * 200 + [True] * 30).empty
