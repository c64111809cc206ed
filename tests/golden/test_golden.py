"""The numbers of the samples and of Online Retail are those that were written down before the house was rebuilt."""

import pytest
from golden.summaries import CASES, golden, make, rooms

CLOSE = 2e-8  # of numbers that were written with 9 digits


def differences(old, new, place=""):
    """Places at which two summaries differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            yield from differences(old.get(name), new.get(name), f"{place}/{name}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differences(one, other, f"{place}/{number}")
    elif isinstance(old, float | int) and isinstance(new, float | int):
        if old != pytest.approx(new, rel=CLOSE, abs=1e-9):
            yield f"{place}: {old} is {new}"
    elif old != new:
        yield f"{place}: {old} is {new}"


QUICK = ("ecommerce-1", "online-retail")


@pytest.mark.parametrize("case", [pytest.param(each, marks=[pytest.mark.soak] * (each not in QUICK)) for each in CASES])
def test_the_numbers_of_a_business_have_not_moved(case, tmp_path):
    folder = make(case, tmp_path)
    if folder is None:
        pytest.skip("the real data set online_retail is not beside the project")
    moved = [each for room, new in rooms(folder).items() for each in differences(golden(room)[case], new, room)]
    assert not moved, f"{len(moved)} numbers moved, such as: " + "; ".join(moved[:10])
