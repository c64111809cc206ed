import polars as pl

from engagekit import attendance_rate


def test_attendance_is_of_those_who_registered():
    events = pl.DataFrame({"attended": [30, 45], "registered": [50, 50]})
    assert attendance_rate(events).value == 0.75


def test_walk_ins_can_pass_one():
    events = pl.DataFrame({"attended": [12, 12], "registered": [8, 12]})
    found = attendance_rate(events)
    assert found.value == 1.2
    assert found.low >= 0


def test_nobody_registered_is_no_rate():
    assert attendance_rate(pl.DataFrame({"attended": [0], "registered": [0]})).reason == "zero_denominator"
