"""Answers to exercises: the right one, the wrong ones that are known, and what is said of any other."""

import math

import numpy as np
import pytest

from engagekit.language import LANGUAGES, Language
from engagekit.lessons.exercises import WrongAnswer, check, exercises

KINDS = {"answer", "within", "wrong", *LANGUAGES}
WRONG = [
    pytest.param(name, wrong, id=f"{name}-{number}")
    for name, rule in exercises().items()
    for number, wrong in enumerate(rule.get("wrong", []))
]


@pytest.fixture
def known(monkeypatch):
    """Exercises whose answers can be checked by hand."""
    rules = {"share": {"answer": 0.25, "within": 0.001}, "fall": {"answer": -3}, "word": {"answer": "reach"}}
    rules |= {"both": {"answer": ["reach", "clicks"]}, "sure": {"answer": True}}
    monkeypatch.setattr("engagekit.lessons.exercises.exercises", lambda: rules)


def words(key, language="en"):
    return Language(language).text(f"lesson.{key}")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("share", 0.25),
        ("share", np.float64(0.2504)),
        ("fall", np.int64(-3)),
        ("word", " Reach "),
        ("both", {"clicks", "reach"}),
        ("both", np.array(["reach", "clicks"])),
        ("sure", np.True_),
    ],
)
def test_a_right_answer_is_right_in_whatever_type_it_comes(known, name, answer):
    assert check(name, answer).data == "**Right.**"


@pytest.mark.parametrize(
    ("name", "answer", "key"),
    [
        ("share", ..., "not_answered"),
        ("word", None, "not_answered"),
        ("share", math.nan, "missing"),
        ("share", 25, "percent"),
        ("share", 0.27, "too_high"),
        ("share", 0.23, "too_low"),
        ("share", "0.25", "not_a_number"),
        ("share", True, "not_a_number"),
        ("fall", 3, "sign"),
        ("word", "clicks", "not_this"),
        ("word", 3, "not_a_text"),
        ("both", ["reach"], "not_this"),
        ("both", "reach", "not_a_list"),
        ("sure", False, "not_this"),
        ("sure", 1, "not_a_yes_or_no"),
    ],
)
def test_a_wrong_answer_is_explained(known, name, answer, key):
    with pytest.raises(WrongAnswer) as raised:
        check(name, answer, "id")
    assert str(raised.value) == words(key, "id")


def test_a_language_without_words_of_its_own_for_a_mistake_has_those_for_all():
    with pytest.raises(WrongAnswer) as raised:
        check("reactions", 39, "ms")
    assert str(raised.value) == words("too_low", "ms")


def test_jupyter_shows_the_words_alone():
    assert WrongAnswer("Too high.")._render_traceback_() == ["Too high."]


def test_an_unknown_exercise_is_an_error_that_names_the_nearest():
    with pytest.raises(ValueError, match="Did you mean reactions"):
        check("reaction", 49)


@pytest.mark.parametrize("name", exercises())
def test_an_exercise_has_known_fields_and_its_answer_is_right(name):
    rule = exercises()[name]
    assert rule.keys() <= KINDS
    assert all(wrong.keys() <= KINDS and {"en", "id"} <= wrong.keys() for wrong in rule.get("wrong", []))
    assert check(name, rule["answer"]).data.startswith(f"**{words('right')}**")


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_a_wrong_answer_that_is_known_gets_its_own_words(name, wrong):
    for language in LANGUAGES & wrong.keys():
        with pytest.raises(WrongAnswer) as raised:
            check(name, wrong["answer"], language)
        assert str(raised.value) == wrong[language]
