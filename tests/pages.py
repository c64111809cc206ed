"""Sections as HTML, of results that a test changed."""

import pytest

from engagekit.display import pseudonyms
from engagekit.display.section import Section, html_of
from engagekit.reports import engagement, method, score_sections, summary


class Names(dict):
    """Pseudonym of each customer by itself."""

    def get(self, customer, _missing=""):
        return pseudonyms.pseudonyms([customer])[0]


def html(section: Section | None) -> str:
    """HTML of a section as a run shows it, with ids hidden; empty where there is none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(pseudonyms._shown, "hidden", True)
        patch.setitem(pseudonyms._shown, "names", Names)
        return html_of(section.payload) if section else ""


def shown(function, found, *arguments):
    """HTML of the section that a function of a study makes, where the study's results are these."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (engagement, method, score_sections, summary):
            patch.setattr(module, "results", lambda _: found)
        return html(function(found.study, *arguments))
