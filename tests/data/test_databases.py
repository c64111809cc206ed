"""Tables that are the answers of databases: read-only, within limits, without a password in any message."""

import datetime as dt
import json
import sqlite3

import duckdb
import ibis
import polars as pl
import pytest
from pandas.testing import assert_frame_equal
from xlsxwriter import Workbook

import engagekit as ek
from engagekit import DataError
from engagekit.data import databases
from engagekit.data.business import Business
from engagekit.prepare.orders import orders

SETTINGS = """\
name = "Shop"
kind = "ecommerce"
language = "{language}"
currency = "IDR"
time_zone = "Asia/Jakarta"
as_of = 2026-07-01
[tables.interactions]
{source}
[tables.interactions.columns]
customer_id = "who"
time = "made"
channel = {{constant = "web"}}
action = {{constant = "purchase"}}
value = "total"
order_id = "number"
"""
AT = dt.datetime(2026, 1, 1, 9, 30)
SALES = [(f"c{n % 7}", AT + dt.timedelta(hours=11 * n), 1200.5 + 1000 * (n % 5), f"{n:04}") for n in range(300)]
NAMES = ["who", "made", "total", "number"]


def business(folder, source, language="en"):
    folder.mkdir(exist_ok=True)
    (folder / "business.toml").write_text(SETTINGS.format(source=source, language=language), "utf-8")
    return folder


def in_sqlite(path):
    with sqlite3.connect(path) as connection:
        connection.execute("create table sales (who text, made text, total real, number text)")
        rows = [(who, at.isoformat(" "), total, number) for who, at, total, number in SALES]
        connection.executemany("insert into sales values (?, ?, ?, ?)", rows)
    connection.close()


def in_duckdb(path):
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table sales (who text, made timestamp, total decimal(12, 2), number text)")
        connection.executemany("insert into sales values (?, ?, ?, ?)", SALES)


@pytest.fixture(scope="session")
def sales(postgresql):
    """The same sales in PostgreSQL."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(postgresql) as connection, connection.cursor() as cursor:
        cursor.execute("create table sales (who text, made timestamp, total numeric(12, 2), number text)")
        cursor.executemany(
            "insert into sales values ($1, $2, $3::text::numeric, $4)", [(w, a, str(t), n) for w, a, t, n in SALES]
        )
        connection.commit()
    return postgresql


@pytest.mark.needs("initdb")
def test_the_same_facts_give_the_same_metrics_in_any_format(tmp_path, sales, monkeypatch):
    """From text in Indonesian and English, a workbook, Parquet, SQLite, DuckDB and PostgreSQL."""
    monkeypatch.setenv("SHOP_DB", sales)
    frame = pl.DataFrame(SALES, schema=NAMES, orient="row")
    query = 'query = "select * from sales"\nconnection = '
    shops = {
        "english": 'file = "sales.csv"\nnumbers = "en"',
        "indonesian": 'file = "sales.csv"\nnumbers = "id"',
        "workbook": 'file = "sales.xlsx"',
        "parquet": 'file = "sales.parquet"',
        "sqlite": f'{query}"sales.db"',
        "duckdb": f'{query}"sales.duckdb"',
        "postgresql": f'{query}"env:SHOP_DB"',
    }
    folders = {name: business(tmp_path / name, source) for name, source in shops.items()}
    lines = [f'{who},{at:%Y-%m-%d %H:%M:%S},"{total:,.2f}",{number}' for who, at, total, number in SALES]
    (folders["english"] / "sales.csv").write_text("\n".join([",".join(NAMES), *lines]))
    swap = str.maketrans(",.", ".,")
    lines = [
        f"{who};{at:%d/%m/%Y %H.%M};{f'{total:,.2f}'.translate(swap)};{number}" for who, at, total, number in SALES
    ]
    (folders["indonesian"] / "sales.csv").write_text("\n".join([";".join(NAMES), *lines]))
    with Workbook(folders["workbook"] / "sales.xlsx", {"default_date_format": "yyyy-mm-dd hh:mm"}) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate([NAMES, *SALES]):
            sheet.write_row(at, 0, row[:3])
            sheet.write_string(at, 3, row[3])
    frame.write_parquet(folders["parquet"] / "sales.parquet")
    in_sqlite(folders["sqlite"] / "sales.db")
    in_duckdb(folders["duckdb"] / "sales.duckdb")
    metrics = ["order_value", "orders_per_customer", "repeat_purchase_rate", "active_customer_rate"]
    metrics = [name for name in metrics if name in dir(ek.metrics)]
    measured = {name: ek.Study(folder).measure(metrics, every="month") for name, folder in folders.items()}
    for name in shops:
        assert_frame_equal(measured[name], measured["english"])
    total = measured["english"].query("metric == 'order_value'")["numerator"].sum()
    assert total == pytest.approx(sum(sale for _, at, sale, _ in SALES if at < dt.datetime(2026, 7, 1)))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("insert into sales values ('x', '', 1, '')", "the database says"),
        ("select * from sales; drop table sales", "the database says"),
        ("attach '/etc/passwd' as other", "the database says"),
        ("select load_extension('x')", "not authorized"),
        ("select * from absent", "no such table: absent"),
        ("select who, made from sales", "the column 'total' is not in the file"),
    ],
)
def test_a_query_of_sqlite_reads_and_does_nothing_else(tmp_path, query, message):
    folder = business(tmp_path / "shop", f'query = "{query}"\nconnection = "sales.db"')
    in_sqlite(folder / "sales.db")
    with pytest.raises(DataError, match=message):
        Business.open(folder).reading("interactions")
    with sqlite3.connect(folder / "sales.db") as connection:
        assert connection.execute("select count(*) from sales").fetchone() == (300,)
    connection.close()


@pytest.mark.parametrize("query", ["select * from read_csv('/etc/passwd')", "install httpfs", "drop table sales"])
def test_a_query_of_duckdb_reads_no_other_file_and_changes_nothing(tmp_path, query):
    folder = business(tmp_path / "shop", f'query = "{query}"\nconnection = "sales.duckdb"')
    in_duckdb(folder / "sales.duckdb")
    with pytest.raises(DataError, match="sales.duckdb: the database says"):
        Business.open(folder).reading("interactions")


@pytest.mark.needs("initdb")
@pytest.mark.parametrize(
    "query", ["insert into sales values (null)", "create table x (y int)", "select 1/0", "select pg_sleep(9)"]
)
def test_a_query_of_postgresql_reads_in_time_and_changes_nothing(tmp_path, sales, monkeypatch, query):
    monkeypatch.setenv("SHOP_DB", sales)
    monkeypatch.setattr(databases, "SECONDS", 1)
    folder = business(tmp_path / "shop", f'query = "{query}"\nconnection = "env:SHOP_DB"')
    with pytest.raises(DataError, match="env:SHOP_DB: the database says") as caught:
        Business.open(folder).reading("interactions")
    assert "topsecret" not in str(caught.value)
    assert caught.value.__cause__ is None  # a traceback shows no driver's message either


def test_no_message_holds_a_password_or_an_address(tmp_path, monkeypatch):
    folder = business(tmp_path / "shop", 'query = "select 1"\nconnection = "env:SHOP_DB"')
    with pytest.raises(DataError, match="the environment has no SHOP_DB"):
        Business.open(folder).reading("interactions")
    for address in ("postgresql://ana:pa%20ss@127.0.0.1:1/shop", "mysql://ana:pass@127.0.0.1/shop"):
        monkeypatch.setenv("SHOP_DB", address)
        with pytest.raises(DataError) as caught:
            Business.open(folder).reading("interactions")
        assert not any(secret in str(caught.value) for secret in ("ana", "pa%20ss", "pass@", address))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('query = "select 1"', "give query and connection together"),
        ('file = "a.csv"\nquery = "select 1"\nconnection = "a.db"', "give file, or query and connection"),
        ('query = "select 1"\nconnection = "postgresql://ana:secret@host/shop"', "an address may hold a password"),
    ],
)
def test_a_query_needs_a_connection_that_holds_no_password(tmp_path, source, message):
    with pytest.raises(DataError, match=message):
        Business.open(business(tmp_path / "shop", source))


def test_too_many_rows_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(databases, "MOST_ROWS", 100)
    folder = business(tmp_path / "shop", 'query = "select * from sales"\nconnection = "sales.db"')
    in_sqlite(folder / "sales.db")
    with pytest.raises(DataError, match="answers with more than 100 rows"):
        Business.open(folder).reading("interactions")


@pytest.mark.needs("initdb")
def test_no_password_is_in_what_a_report_writes(tmp_path, sales, monkeypatch):
    monkeypatch.setenv("SHOP_DB", sales)
    folder = business(tmp_path / "shop", 'query = "select * from sales"\nconnection = "env:SHOP_DB"')
    (run,) = ek.report([folder], tmp_path / "out")
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not any(b"topsecret" in path.read_bytes() for path in written)
    if run.status == "ok":
        record = json.loads((tmp_path / "out" / "shop" / "engagement" / "run.json").read_text("utf-8"))
        assert record["inputs"] == [{"table": "interactions", "file": "env:SHOP_DB", "sha256": None}]


def in_warehouse(name, address, rows):
    """Orders in PostgreSQL or DuckDB, as an Ibis connection."""
    if name == "postgresql":
        host, _, port = address.partition("@")[2].partition("/")[0].partition(":")
        connection = ibis.postgres.connect(host=host, port=int(port), user="shop", database="postgres")
    else:
        connection = ibis.duckdb.connect()
    query = (
        "select g as id, 'c' || g % 1000 as customer_id, timestamp '2026-01-01' + g * interval '2 seconds' as time, "
    )
    query += "'purchase' as action, (g % 50)::float8 as value, g::text as order_id from generate_series(1, {n}) as s(g)"
    connection.raw_sql("drop table if exists events")
    connection.raw_sql(f"create table events as {query.format(n=rows)}")
    return connection


@pytest.mark.needs("initdb")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pandas.errors.Pandas4Warning")
@pytest.mark.parametrize("rows", [50_000, pytest.param(5_000_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", ["postgresql", "duckdb"])
def test_a_metric_in_a_warehouse_asks_for_sums_and_not_for_rows(sales, name, rows, monkeypatch):
    connection, asked = in_warehouse(name, sales, rows), []
    collected = type(connection).to_polars

    def spied(self, expression, **how):
        asked.append(expression)
        return collected(self, expression, **how)

    monkeypatch.setattr(type(connection), "to_polars", spied)
    lines = connection.table("events")
    estimate = ek.metrics.order_value(orders(lines))
    by_hand = pl.int_range(1, rows + 1, eager=True) % 50
    assert (estimate.denominator, estimate.value) == (rows, pytest.approx(by_hand.mean()))
    answered = [expression.count().to_pyarrow().as_py() for expression in list(asked)]
    assert answered
    assert set(answered) == {1}
    connection.disconnect()
