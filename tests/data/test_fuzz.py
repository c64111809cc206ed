"""Whatever a file holds, reading it gives a table or says what is wrong as a DataError."""

import resource
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagekit import DataError
from engagekit.data.read import read_table
from engagekit.data.source import Source
from engagekit.data.style import Style
from engagekit.data.tables import TABLES
from engagekit.starter import recognised

SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
MOST_BYTES = 2 << 30
GOOD = "customer_id,time,channel,action,value\na,2026-01-05 10:00,web,purchase,12.5\nb,2026-01-06,app,view,\n"
ODD = ["\x00", "\ufeff", '"', "'", ",", ";", "\t", "\r", "\n", "\u202e", "é", "1e400", "=1+1", "{", "[{", "\\", "%s"]
KINDS = ["interactions", "surveys", "subscriptions", "mailings"]


@pytest.fixture(scope="module", autouse=True)
def _memory_is_bounded():
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < MOST_BYTES


def read(folder, name, data, table, **source):
    (folder / name).write_bytes(data)
    with suppress(DataError):
        reading = read_table(table, Source(file=name, **source), folder, Style("id", currency="IDR"))
        assert reading.rows == reading.kept + reading.refused.height + sum(reading.left_out.values()) + (
            reading.repeated + reading.superseded
        )
        assert reading.check().frame.height == reading.kept
    with suppress(DataError):
        recognised(folder / name)


@settings(suppress_health_check=SLOW)
@given(
    data=st.binary(max_size=300),
    ending=st.sampled_from([".csv", ".csv.gz", ".csv.zip", ".json", ".jsonl", ".parquet", ".xlsx"]),
    table=st.sampled_from(sorted(TABLES)),
)
def test_any_bytes(tmp_path, data, ending, table):
    read(tmp_path, f"a{ending}", data, table)


@settings(suppress_health_check=SLOW)
@given(
    cuts=st.lists(
        st.tuples(st.integers(0, len(GOOD)), st.sampled_from(ODD), st.integers(0, 9)), min_size=1, max_size=6
    ),
    encoding=st.sampled_from(["utf-8", "utf-16", "cp1252"]),
    table=st.sampled_from(KINDS),
)
def test_a_file_that_was_changed_anywhere(tmp_path, cuts, encoding, table):
    text = GOOD
    for place, sign, gone in cuts:
        text = text[:place] + sign + text[place + gone :]
    read(tmp_path, "a.csv", text.encode(encoding, errors="replace"), table)


CELLS = st.one_of(
    st.sampled_from(["", " ", "12,500", "1.200", "1.200,50", "Rp 5", "US$ 5", "12%", "01/02/2026", "13/02/2026"]),
    st.sampled_from(["2026-02-30", "46027", "1769878500", "TOTAL", "a@x.id", "08125550101", "6.28E+11", '{"a": 1}']),
    st.text(max_size=8),
)


@settings(suppress_health_check=SLOW)
@given(
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=6), max_size=8),
    first_row=st.integers(0, 3),
    header_row=st.integers(0, 3),
    repeats=st.sampled_from(["", "drop", "latest"]),
)
def test_any_cells_of_any_rows(tmp_path, rows, first_row, header_row, repeats):
    lines = ["customer_id,time,channel,action,value,order_id", *(",".join(row) for row in rows)]
    data = "\n".join(lines).encode("utf-8", errors="replace")
    read(tmp_path, "a.csv", data, "interactions", first_row=first_row, header_row=header_row, repeats=repeats)
