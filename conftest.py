"""Names that the examples in docstrings share: ``ek``, and ``study``, a sample business in a folder."""

import re
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def sample_study(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A business of 300 customers with contracts, in English: made once, and only where an example names it."""
    import engagekit as ek

    folder = tmp_path_factory.mktemp("businesses") / "green-basket"
    return ek.Study(ek.write_sample(ek.make_sample("subscription", customers=300), folder), as_of="2026-11-01")


@pytest.fixture(autouse=True)
def _names_of_examples(request: pytest.FixtureRequest) -> Iterator[None]:
    if isinstance(request.node, pytest.DoctestItem):
        import engagekit as ek

        names = request.getfixturevalue("doctest_namespace")
        names["ek"] = ek
        if any(re.search(r"\bstudy\b(?! = )", example.source) for example in request.node.dtest.examples):
            names["study"] = request.getfixturevalue("sample_study")
    yield
    if "matplotlib.pyplot" in sys.modules:  # figures that an example leaves open
        sys.modules["matplotlib.pyplot"].close("all")
