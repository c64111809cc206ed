"""Sections as HTML, of results that a test changed."""

from contextlib import contextmanager

import pytest

from engagekit.display import pseudonyms
from engagekit.display.section import Section, html_of
from engagekit.reports import churn, churn_trial, engagement, method, score, season, summary
from engagekit.reports.churning import Churning

ENGAGEMENT = (engagement, method, score, season, summary)


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


@contextmanager
def with_results(found):
    """Let sections show these results of a study, of either report."""
    name, modules = ("churning", (churn, churn_trial)) if isinstance(found, Churning) else ("results", ENGAGEMENT)
    with pytest.MonkeyPatch.context() as patch:
        for module in modules:
            patch.setattr(module, name, lambda _: found)
        yield


def shown(function, found, *arguments):
    """HTML of the section that a function of a study makes, where the study's results are these."""
    with with_results(found):
        return html(function(found.study, *arguments))
