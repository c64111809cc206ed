"""The glossary of the lessons, in three languages."""

import pytest

from engagekit.lessons.glossary import glossary


def test_terms_stand_in_the_order_asked_for_the_readers_language_first():
    lines = glossary("churn_rate", "cohort", language="ms").data.splitlines()
    assert lines[0] == "| Melayu | Inggeris | Indonesia | Maksud |"
    assert lines[2].startswith("| Kadar churn | Churn rate | Tingkat churn | ")
    assert lines[3].startswith("| kohort | cohort | kohort | Pelanggan yang bermula")


def test_without_terms_all_are_given():
    assert len(glossary().data.splitlines()) > 40


def test_an_unknown_term_is_an_error_that_names_the_nearest():
    with pytest.raises(ValueError, match="Did you mean cohort"):
        glossary("cohorts")
