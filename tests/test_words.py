"""No reader meets a word that is wrong in the language, or English where it does not belong."""

import pytest
from words import english_in, forbidden, texts, vocabulary

from engagekit.language import LANGUAGES

SHARED = (  # the same in English, names, and words that business.toml has
    "accept action analytics ascarza baseline bounce chat clv constant csat csv data date delta ends engagekit exit "
    "facebook false folder freeze google had hold id inclusive indonesia instagram keep latest leakage media median "
    "melayu metrics model nan neutral nps out overlaps oversampling per plan private program promoter ramadan refund "
    "segment smote sms target telegram tiktok true unit universal utc utf value wald whatsapp wilson youtube"
)


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_text_has_a_word_that_is_wrong_in_its_language(code):
    found = {key: forbidden(code, key, text) for key, text in texts(code).items() if not key.endswith(".formula")}
    assert {key: words for key, words in found.items() if words} == {}


@pytest.mark.parametrize("code", ["id", "ms"])
def test_the_words_that_a_language_shares_with_english_are_known(code):
    assert vocabulary(code) & vocabulary("en") <= {*SHARED.split()}


@pytest.mark.parametrize(
    ("code", "text", "word"),
    [
        ("id", "Peluang berhenti", "peluang"),
        ("id", "tempat di mana pelanggan membeli", "di mana"),
        ("ms", "Tingkat keterlibatan", "tingkat"),
        ("ms", "{n} undian", "undian"),
        ("en", "{n:tells|tell} who leaves", "tells"),
    ],
)
def test_a_wrong_word_is_found_wherever_it_stands(code, text, word):
    assert forbidden(code, "some.key", text) == [word]
    assert forbidden(code, "some.key", "kepergiannya {peluang} {bobot} retold") == []


def test_english_is_found_in_a_page_and_names_and_loan_words_are_not():
    page = "<p class='customers'>Highest: email. Churn <code>share</code> business.toml</p><td>Winter sale</td>"
    assert english_in(page, "id", own=["Winter sale"]) == {"highest"}
    assert english_in("<p>Kadar churn 7.1%, e-mel, Net Promoter Score</p>", "ms") == set()
    assert english_in("<p>1 customers</p>", "ms") == {"customers"}
