"""The pages of an Indonesian and a Malay business have no English word of the kit."""

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


@pytest.mark.parametrize("kind", ["ecommerce", "saas"])
@pytest.mark.parametrize("template", ["engagement", "churn"])
def test_a_page_has_no_english_word(kind, template, churn_samples, written_reports):
    page = (written_reports[kind, template] / "report.html").read_text("utf-8")
    business = Business.open(churn_samples[kind])
    assert english_in(page, business.language, own_texts(business)) == set()
