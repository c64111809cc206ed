"""What an Indonesian and a Malay business reads, pages, index and list, has no English word of the kit."""

import pytest
from words import english_in

from engagekit.data.business import Business


def own_texts(business):
    """Names that the business itself gives: of its campaigns, products, plans, events."""
    texts = {business.name}
    for table in business.tables:
        frame = business.table(table).select_dtypes(["object", "string", "category"])
        for column in frame.columns.difference(["channel", "action", "kind"]):  # the kit has words for these
            texts |= {str(value) for value in frame[column].dropna().unique()[:200]}
    return texts


@pytest.mark.parametrize("kind", ["ecommerce", pytest.param("saas", marks=pytest.mark.soak)])
@pytest.mark.parametrize("template", ["engagement", "churn"])
def test_a_page_has_no_english_word(kind, template, churn_samples, written_reports):
    page = (written_reports[kind, template] / "report.html").read_text("utf-8")
    business = Business.open(churn_samples[kind])
    assert english_in(page, business.language, own_texts(business)) == set()


@pytest.mark.parametrize("kind", ["ecommerce", pytest.param("saas", marks=pytest.mark.soak)])
def test_the_index_and_the_private_list_have_no_english_word(kind, churn_samples, written_reports):
    report, business = written_reports[kind, "churn"], Business.open(churn_samples[kind])
    for file in (report.parents[1] / "index.html", report / "private" / "customers.csv"):
        assert english_in(file.read_text("utf-8"), business.language, own_texts(business)) == set(), file.name
