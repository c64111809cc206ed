"""business.toml -> Business: every slip is named with its place and the way out; tables, dates and names."""

import datetime as dt
import re
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl
import pytest

from engagekit import Business, DataError
from engagekit.data.working_week import WorkingWeek

HEAD = """name = "Kedai Kopi Senja"
kind = "ecommerce"
language = "id"
currency = "IDR"
time_zone = "Asia/Jakarta"
"""
TABLE = """
[tables.interactions]
file = "kunjungan.csv"
[tables.interactions.columns]
customer_id = "pelanggan"
time = "waktu"
channel = {constant = "toko"}
action = {constant = "purchase"}
value = "nilai"
"""
VISITS = "pelanggan;waktu;nilai\n007;2026-09-30 23:59;Rp 1.200\n008;2026-10-01 00:00;12,5\n"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "Kedai Kopi"
    path.mkdir()
    (path / "kunjungan.csv").write_text(VISITS)
    return path


def opened(folder, settings=HEAD + TABLE):
    (folder / "business.toml").write_text(settings, "utf-8")
    return Business.open(folder)


def refusal(folder, settings):
    """What is said of wrong settings, without the path of the file."""
    with pytest.raises(DataError) as caught:
        opened(folder, settings)
    assert str(caught.value).startswith(f"{folder / 'business.toml'}: ")
    return caught.value.problem


def test_the_keys_of_the_file_are_fields(folder):
    business = opened(folder, HEAD + "[targets]\nrepeat_purchase_rate = 0.3\n" + TABLE)
    assert (business.name, business.kind, business.language) == ("Kedai Kopi Senja", "ecommerce", "id")
    assert (business.currency, business.time_zone) == ("IDR", "Asia/Jakarta")
    assert (business.as_of, business.horizon) == ("last complete month", "84d")
    assert business.targets == {"repeat_purchase_rate": 0.3}
    assert list(business.tables) == ["interactions"]
    assert business.folder == folder


def test_without_working_hours_there_is_no_week_and_a_visit_is_a_usual_one(folder):
    business = opened(folder)
    assert business.week is None
    assert (business.web.gap, business.web.engaged_after_s) == ("30m", 10)
    assert (business.web.key_actions, business.web.features) == (["purchase"], [])


def test_working_hours_are_on_the_clock_of_the_business(folder):
    hours = '[support]\nholidays = "ID"\n[support.hours]\nmonday = "09:00-12:00, 13:00-17:00"\nsunday = "20:00-24:00"\n'
    assert opened(folder, HEAD + hours).week == WorkingWeek(
        {"monday": "09:00-12:00, 13:00-17:00", "sunday": "20:00-24:00"}, "Asia/Jakarta", "ID"
    )


def test_the_example_in_the_starter_is_a_working_week(folder):
    starter = (Path(__file__).parents[2] / "templates" / "business" / "en.toml").read_text("utf-8")
    example = starter[starter.index("# [support]") :].split("\n\n")[0]
    week = opened(folder, HEAD + re.sub("^# ", "", example, flags=re.MULTILINE)).week
    assert week.holidays == "GB-ENG"
    assert all(week.shifts)


def test_a_business_is_opened_by_its_folder_or_its_file_as_path_or_text(folder):
    opened(folder)
    for path in (folder, str(folder), folder / "business.toml", str(folder / "business.toml")):
        assert Business.open(path).folder == folder


def test_a_folder_without_settings_says_how_to_make_them(tmp_path):
    with pytest.raises(DataError, match=r"business.toml: is not there. Make it with: engagekit init .*shop"):
        Business.open(tmp_path / "shop")


@pytest.mark.parametrize(
    ("settings", "facts"),
    [
        ("", "name: is missing. Add it."),
        (HEAD.replace('name = "Kedai Kopi Senja"\n', ""), "name: is missing. Add it."),
        (HEAD + 'langauge = "id"\n', "langauge: there is no such key. Did you mean language?"),
        (HEAD + "[target]\n", "target: there is no such key. Did you mean targets?"),
        (HEAD + "zzz = 1\n", "zzz: there is no such key. There are: actions, active_window, alerts, as_of, benchmarks"),
        (
            HEAD + '[tables.interaction]\nfile = "a.csv"\n',
            "tables: there is no table 'interaction'. Did you mean interactions?",
        ),
        (HEAD + "[tables.interactions]\n", "tables.interactions: give file, or query and connection."),
        (
            HEAD + '[tables.interactions]\nfiel = "a.csv"\n',
            "tables.interactions.fiel: there is no such key. Did you mean file?",
        ),
        (HEAD + TABLE + 'vlaue = "x"\n', "tables: interactions.columns.vlaue: did you mean value?"),
        (HEAD + TABLE + 'sesion_id = "x"\n', "tables: interactions.columns.sesion_id: did you mean session_id?"),
        (
            HEAD + TABLE + 'product = {constnt = "x"}\n',
            "tables.interactions.columns.product.constnt: there is no such key. Did you mean constant?",
        ),
        (
            HEAD + TABLE + 'quantity = {produkt = ["a", "b"]}\n',
            "tables.interactions.columns.quantity.produkt: there is no such key. Did you mean product?",
        ),
        (HEAD + "[score]\nwindows = '84d'\n", "score.windows: there is no such key. Did you mean window?"),
        (
            HEAD + "[score.components]\norders = {wieght = 1, low = 0, high = 6}\n",
            "score.components.orders.wieght: there is no such key. Did you mean weight?",
        ),
        (
            HEAD + "[score.components]\nweight = {weight = 1, low = 0, hihg = 6}\n",
            "score.components.weight.hihg: there is no such key. Did you mean high?",
        ),
        (
            HEAD + "[score.components]\norders = {weight = 1, low = 0}\n",
            "score.components.orders: give low and high, or neither and freeze them.",
        ),
        (HEAD + '[support]\nholiday = "ID"\n', "support.holiday: there is no such key. Did you mean holidays?"),
        (
            HEAD + '[support.hours]\nmondy = "09:00-17:00"\n',
            "support.hours.mondy: there is no such key. Did you mean monday?",
        ),
        (HEAD + '[support]\nholidays = "ID"\n', "support: no day has hours. Add them below [support.hours], such as"),
        (HEAD + "[web]\nfeature = []\n", "web.feature: there is no such key. Did you mean features?"),
        (
            HEAD + '[[funnels]]\nstep = ["a", "b"]\nwithin = "7d"\n',
            "funnels.step: there is no such key. Did you mean steps?",
        ),
        (HEAD + '[[funnels]]\nsteps = ["a", "b"]\n', "funnels.within: is missing. Add it."),
    ],
)
def test_a_wrong_unknown_or_missing_key_is_named_with_its_place(folder, settings, facts):
    assert refusal(folder, settings).startswith(facts)


@pytest.mark.parametrize(
    ("line", "place", "value"),
    [
        ("name = 5", "name", "5"),
        ('name = ""', "name", "''"),
        (f'name = "{"x" * 201}"', "name", "xxx"),
        ('kind = "shop"', "kind", "'shop'"),
        ('language = "fr"', "language", "'fr'"),
        ("language = true", "language", "True"),
        ('currency = "RP"', "currency", "'RP'"),
        ('currency = "idr"', "currency", "'idr'"),
        ("currency = 5", "currency", "5"),
        ('time_zone = "Jakarta"', "time_zone", "'Jakarta'"),
        ('time_zone = "../../etc/passwd"', "time_zone", "'../../etc/passwd'"),
        ('time_zone = ""', "time_zone", "''"),
        ('as_of = "soon"', "as_of", "'soon'"),
        ('as_of = "2026-02-30"', "as_of", "'2026-02-30'"),
        ("as_of = 7", "as_of", "7"),
        ('horizon = "12w"', "horizon", "'12w'"),
        ('horizon = "0d"', "horizon", "'0d'"),
        ('horizon = "-5d"', "horizon", "'-5d'"),
        ('horizon = "99999999d"', "horizon", "'99999999d'"),
        ("horizon = 84", "horizon", "84"),
        ('active_window = "0d"', "active_window", "'0d'"),
        ('overlaps = "sum"', "overlaps", "'sum'"),
        ('contractual = "yes"', "contractual", "'yes'"),
        ("contractual = true", "contractual", "need [tables.subscriptions], which say who paid until when"),
        ("tables = 5", "tables", "5"),
        ("tables = {interactions = 5}", "tables.interactions", "5"),
        ("tables = {interactions = {file = 5}}", "tables.interactions.file", "5"),
        ('tables = {interactions = {file = "a", columns = {value = 5}}}', "tables.interactions.columns.value", "5"),
        ('tables = {interactions = {file = "a", keep = {value = "5"}}}', "tables.interactions.keep", "'5'"),
        ('tables = {interactions = {file = "a", numbers = "fr"}}', "tables.interactions.numbers", "'fr'"),
        ('tables = {interactions = {file = "a", dates = "dd/mm"}}', "tables.interactions.dates", "'dd/mm'"),
        ('tables = {interactions = {file = "a", refuse_above = 5}}', "tables.interactions.refuse_above", "5"),
        ('targets = {open_rate = "high"}', "targets.open_rate", "'high'"),
        ("targets = {open_rate = nan}", "targets.open_rate", "nan"),
        ('score = {window = "month"}', "score.window", "'month'"),
        ("score = {cuts = [70, 40]}", "score.cuts", "[70.0, 40.0]"),
        ("score = {cuts = [40, 170]}", "score.cuts", "[40.0, 170.0]"),
        ("score = {components = {orders = 5}}", "score.components.orders", "5"),
        ("score = {components = {orders = {weight = 0, low = 0, high = 1}}}", "score.components.orders.weight", "0"),
        (
            "score = {components = {orders = {weight = inf, low = 0, high = 1}}}",
            "score.components.orders.weight",
            "inf",
        ),
        ("score = {components = {orders = {weight = 1, low = 5, high = 2}}}", "score.components.orders", "low is 5"),
        (
            'score = {components = {orders = {weight = 1, low = 0, high = 1, direction = "sideways"}}}',
            "score.components.orders.direction",
            "'sideways'",
        ),
        ('support = {hours = {monday = "9-5"}}', "support.hours.monday", "'9-5' is not hours such as"),
        ('support = {hours = {monday = ""}}', "support.hours.monday", "Leave out a day that is closed"),
        ("support = {hours = {monday = 9}}", "support.hours.monday", "9"),
        (
            'support = {hours = {monday = "22:00-06:00"}}',
            "support.hours.monday",
            'Write one over midnight as two: "22:00-24:00", and "00:00-06:00" on the next day',
        ),
        ('support = {holidays = "Indonesia"}', "support.holidays", "such as ID, MY-14 or GB-ENG"),
        ('support = {holidays = "MY-99"}', "support.holidays", "'MY-99'"),
        ('support = {holidays = "MY"}', "support.holidays", "Name the part, such as MY-16: there are MY-01, MY-02"),
        ('web = {gap = "30"}', "web.gap", "'30' is not minutes or hours such as"),
        ('web = {gap = "0m"}', "web.gap", "'0m'"),
        ("web = {gap = 30}", "web.gap", "30"),
        ("web = {key_actions = []}", "web.key_actions", "at least 1"),
        ('web = {key_actions = "purchase"}', "web.key_actions", "'purchase'"),
        ('web = {key_actions = [""]}', "web.key_actions", "''"),
        ("web = {engaged_after_s = 9}", "web.engaged_after_s", "greater than or equal to 10 (found 9)"),
        ("web = {engaged_after_s = 61}", "web.engaged_after_s", "less than or equal to 60 (found 61)"),
        ('web = {features = "export"}', "web.features", "'export'"),
        ('funnels = [{steps = ["view"], within = "7d"}]', "funnels", "steps: ['view'] are not two or more actions"),
        ('funnels = [{steps = ["a", "b", "a"], within = "7d"}]', "funnels", "each of them once"),
        ('funnels = [{steps = ["a", "b"], within = "2w"}]', "funnels", "within: '2w' is not a number of minutes or"),
        ('funnels = [{steps = ["a", ""], within = "7d"}]', "funnels.steps", "''"),
        ('funnels = {steps = ["a", "b"], within = "7d"}', "funnels", "valid list"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(folder, line, place, value):
    key = line.split(" ")[0]
    others = [other for other in HEAD.splitlines() if not other.startswith(f"{key} ")]
    problem = refusal(folder, "\n".join([*others, line]) + "\n")
    assert problem.startswith(f"{place}: ")
    assert value in problem
    assert "Value error" not in problem


@pytest.mark.parametrize(
    "settings", ["name = ", "name = 'a'\nname = 'b'\n", "[tables\n", "just words", "a = 2026-02-30"]
)
def test_what_is_not_toml_says_so_with_the_line(folder, settings):
    assert "is not valid TOML" in (problem := refusal(folder, settings))
    assert "line" in problem


PAID = '[tables.subscriptions]\nfile = "a.csv"\n'


@pytest.mark.parametrize(
    ("kind", "tables", "declared", "contractual"),
    [
        ("saas", PAID, "", True),
        ("subscription", PAID, "", True),
        ("ecommerce", PAID, "", False),
        ("saas", TABLE, "", False),
        ("ecommerce", PAID, "contractual = true\n", True),
        ("saas", PAID, "contractual = false\n", False),
        ("saas", "", "contractual = false\n", False),
    ],
)
def test_contracts_are_declared_or_inferred_from_kind_and_tables(folder, kind, tables, declared, contractual):
    business = opened(folder, HEAD.replace("ecommerce", kind) + declared + tables)
    assert business.contractual is contractual
    assert ("contractual" in business.model_fields_set) == bool(declared)


def test_how_contracts_overlap_and_who_is_active_may_be_declared(folder):
    plain = opened(folder, HEAD)
    assert (plain.overlaps, plain.active_window) == ("add", None)
    business = opened(folder, HEAD + 'overlaps = "latest"\nactive_window = "56d"\n')
    assert (business.overlaps, business.active_window) == ("latest", "56d")


@pytest.mark.parametrize("depth", [300, 900, 5000])
def test_settings_of_brackets_within_brackets_are_a_data_error(folder, depth):
    problem = refusal(folder, f"name = {'[' * depth}{']' * depth}\n")
    assert ("is nested too deeply" in problem) == (depth > 300)


def test_settings_that_cannot_be_opened_are_a_data_error(folder, monkeypatch):
    def refuse(self, *args):
        raise PermissionError(13, "Permission denied")

    opened(folder)
    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(DataError, match=r"business.toml: cannot be read: Permission denied"):
        Business.open(folder)


def test_a_path_that_is_too_long_is_a_data_error_of_at_most_500_characters(tmp_path):
    for path in (tmp_path / ("x" * 300), "/".join(["y" * 200] * 30)):
        with pytest.raises(DataError, match="File name too long") as caught:
            Business.open(path)
        assert len(str(caught.value)) <= 500


def test_settings_that_are_not_utf_8_say_so(folder):
    (folder / "business.toml").write_bytes(HEAD.replace("Senja", "Café").encode("cp1252"))
    with pytest.raises(DataError, match="is not valid TOML: .*utf-8"):
        Business.open(folder)


def test_settings_saved_by_notepad_with_a_mark_and_windows_line_ends_are_read(folder):
    (folder / "business.toml").write_bytes(HEAD.replace("\n", "\r\n").encode("utf-8-sig"))
    assert Business.open(folder).name == "Kedai Kopi Senja"


def test_an_attribute_of_another_name_is_welcome(folder):
    extra = 'branch = "pelanggan"\nproduct_name = "nilai"\nregion = "waktu"\nunit_price = "nilai"\n'
    assert set(opened(folder, HEAD + TABLE + extra).tables["interactions"][0].columns) > {"branch", "unit_price"}


def test_a_table_is_a_pandas_frame_or_a_lazy_one(folder):
    business = opened(folder)
    frame, lazy = business.table("interactions"), business.table("interactions", lazy=True)
    assert isinstance(frame, pd.DataFrame)
    assert isinstance(lazy, pl.LazyFrame)
    assert frame["customer_id"].tolist() == ["007", "008"]
    assert frame["value"].tolist() == [1200.0, 12.5]
    assert frame["time"].tolist() == lazy.collect()["time"].to_list()
    assert str(frame["time"].dtype) == "datetime64[us, Asia/Jakarta]"


def test_what_a_caller_does_to_a_table_stays_with_the_caller(folder):
    business = opened(folder)
    frame = business.table("interactions")
    frame.loc[0, "value"] = -1.0
    frame["customer_id"] = "x"
    assert business.table("interactions")["value"].tolist() == [1200.0, 12.5]
    assert business.table("interactions")["customer_id"].tolist() == ["007", "008"]


def test_a_table_is_read_once(folder):
    business = opened(folder)
    assert business.reading("interactions") is business.reading("interactions")


def test_opening_a_business_imports_neither_pandas_nor_spark():
    code = "import sys, engagekit.data.business; print({'pandas', 'pyspark', 'pandera'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_a_missing_table_says_what_there_is(folder):
    with pytest.raises(DataError, match=r"business.toml: has no \[tables.interaction\]. Did you mean interactions\?"):
        opened(folder).table("interaction")
    with pytest.raises(DataError, match=r"has no \[tables.surveys\]. There are: interactions."):
        opened(folder).reading("surveys")
    with pytest.raises(DataError, match=r"has no \[tables.surveys\]. There are none."):
        opened(folder, HEAD).table("surveys")


def test_too_many_refused_rows_refuse_the_table_but_not_its_reading(folder):
    (folder / "kunjungan.csv").write_text(VISITS + "009;besok;5\n")
    business = opened(folder)
    assert business.reading("interactions").refused.height == 1
    for lazy in (False, True):
        with pytest.raises(DataError, match=r"kunjungan.csv, row 4, time: the cell was refused: not_time") as caught:
            business.table("interactions", lazy=lazy)
        assert caught.value.value == "besok"
        assert "besok" not in str(caught.value)
    raised = opened(
        folder,
        HEAD + TABLE.replace("[tables.interactions.columns]", "refuse_above = 0.34\n[tables.interactions.columns]"),
    )
    assert len(raised.table("interactions")) == 2


def test_numbers_are_read_in_the_business_s_language_unless_the_table_says_otherwise(folder):
    english = TABLE.replace("[tables.interactions.columns]", 'numbers = "en"\n[tables.interactions.columns]')
    (folder / "kunjungan.csv").write_text("pelanggan;waktu;nilai\n007;2026-10-01;1.200\n")
    assert opened(folder).table("interactions")["value"].tolist() == [1200.0]
    assert opened(folder, HEAD + english).table("interactions")["value"].tolist() == [1.2]


def test_a_table_has_a_zone_of_its_own(folder):
    """18:30 in UTC is 01:30 of the next day in Jakarta, the first of a month."""
    (folder / "kunjungan.csv").write_text("pelanggan;waktu;nilai\n007;2026-01-31 18:30;5\n")
    settings = HEAD + TABLE.replace("[tables.interactions.columns]", 'time_zone = "UTC"\n[tables.interactions.columns]')
    assert opened(folder, settings).reading("interactions").frame["time"][0] == jakarta(2026, 2, 1, 1, 30)
    with pytest.raises(DataError, match="'WIB' is not a time zone such as Asia/Jakarta or UTC"):
        opened(folder, settings.replace('"UTC"', '"WIB"'))


def test_an_amount_in_a_foreign_currency_is_refused(folder):
    (folder / "kunjungan.csv").write_text("pelanggan;waktu;nilai\n008;2026-10-01;IDR 5\n007;2026-10-01;RM 5\n")
    with pytest.raises(DataError, match="row 3, value: is money of another currency than IDR") as caught:
        opened(folder).reading("interactions")
    assert caught.value.value == "RM 5"


def jakarta(*day):
    return dt.datetime(*day, tzinfo=ZoneInfo("Asia/Jakarta"))


def test_the_end_is_midnight_of_the_date_in_the_business_s_zone(folder):
    business = opened(folder, HEAD + "as_of = 2026-11-01\n")
    assert business.end() == jakarta(2026, 11, 1)
    assert business.end().utcoffset() == dt.timedelta(hours=7)
    assert business.end("2026-03-05") == business.end(dt.date(2026, 3, 5)) == jakarta(2026, 3, 5)
    assert opened(folder, HEAD + 'as_of = "2026-11-01"\n').end() == jakarta(2026, 11, 1)


@pytest.mark.parametrize(
    ("zone", "day", "hour", "offset"),
    [
        ("America/Santiago", "2026-09-06", 1, -3),  # the clock goes from 00:00 to 01:00
        ("America/Santiago", "2026-09-05", 0, -4),
        ("Asia/Beirut", "2026-03-29", 1, 3),
        ("America/Havana", "2026-11-01", 0, -4),  # midnight comes twice: the first one
    ],
)
def test_the_end_is_the_first_instant_of_a_day_whose_midnight_the_clock_leaves_out(folder, zone, day, hour, offset):
    end = opened(folder, HEAD.replace("Asia/Jakarta", zone)).end(day)
    assert (end.date().isoformat(), end.hour, end.utcoffset()) == (day, hour, dt.timedelta(hours=offset))
    assert pl.select(pl.lit(end)).item() == end


def test_a_file_that_changes_after_it_was_read_is_refused(folder):
    business = opened(folder)
    business.table("interactions")
    (folder / "kunjungan.csv").write_text(VISITS + "009;2026-10-02;5\n")
    for lazy in (False, True):
        with pytest.raises(DataError, match=r"kunjungan.csv: has changed since it was read"):
            business.table("interactions", lazy=lazy)
    assert len(Business.open(folder).table("interactions")) == 3


def test_a_date_in_the_future_is_no_month_to_report(folder):
    (folder / "kunjungan.csv").write_text("pelanggan;waktu;nilai\n007;2026-09-30;1\n008;2190-01-31;1\n")
    assert opened(folder).end() == jakarta(2026, 10, 1)


@pytest.mark.parametrize(
    ("last", "end"),
    [
        ("2026-10-31 23:59", (2026, 11, 1)),
        ("2026-10-31 00:00", (2026, 11, 1)),
        ("2026-10-30 23:59", (2026, 10, 1)),
        ("2026-10-01 00:00", (2026, 10, 1)),
        ("2025-12-31 12:00", (2026, 1, 1)),
        ("2024-02-28 12:00", (2024, 2, 1)),
        ("2024-02-29 12:00", (2024, 3, 1)),
        ("2026-10-30T17:00:00Z", (2026, 11, 1)),
        ("2026-10-30T16:59:59Z", (2026, 10, 1)),
    ],
)
def test_the_last_complete_month_ends_where_the_data_say(folder, last, end):
    (folder / "kunjungan.csv").write_text(f"pelanggan;waktu;nilai\n007;2024-01-05;1\n008;{last};1\n")
    business = opened(folder)
    assert business.end() == jakarta(*end)
    assert business.end("last complete month") == jakarta(*end)
    assert business.end("2026-05-01") == jakarta(2026, 5, 1)


def test_the_latest_of_all_tables_ends_the_month(folder):
    (folder / "email.csv").write_text("sent_at,campaign,sent,delivered\n2026-10-31,A,1,1\n")
    assert opened(folder, HEAD + TABLE + '[tables.mailings]\nfile = "email.csv"\n').end() == jakarta(2026, 11, 1)


def test_periods_that_are_planned_ahead_do_not_end_the_month(folder):
    (folder / "iklan.csv").write_text("campaign,channel,starts_at,ends_at,spend\nA,web,2027-01-31,2027-02-28,1\n")
    assert opened(folder, HEAD + TABLE + '[tables.campaigns]\nfile = "iklan.csv"\n').end() == jakarta(2026, 10, 1)


def test_without_a_dated_row_there_is_no_last_month(folder):
    (folder / "kunjungan.csv").write_text("pelanggan;waktu;nilai\n")
    for settings in (HEAD, HEAD + TABLE):
        with pytest.raises(DataError, match=r"business.toml: no table has a dated row.* Set as_of"):
            opened(folder, settings).end()


def test_a_day_whose_midnight_is_before_the_calendar_is_a_value_error(folder):
    with pytest.raises(ValueError, match="^as_of: '0001-01-01' is at the end of the calendar"):
        opened(folder, HEAD).end("0001-01-01")


@pytest.mark.parametrize("as_of", ["2026-02-30", "01/11/2026", "yesterday", "2026-11"])
def test_what_is_no_iso_date_is_a_value_error_that_names_it(folder, as_of):
    with pytest.raises(ValueError, match=f"^as_of: '{as_of}' is not an ISO date such as 2026-11-01"):
        opened(folder, HEAD).end(as_of)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("kedai-kopi", "kedai-kopi"),
        ("Kedai Kopi", "kedai-kopi"),
        ("KEDAI__KOPI!", "kedai-kopi"),
        ("☕ kopi 2", "kopi-2"),
        ("-rf", "rf"),
        ("Café Düsseldorf", "cafe-dusseldorf"),
        ("con artists", "con-artists"),
        ("{business}", "business"),
        ("x" * 63, "x" * 63),
    ],
)
def test_a_slug_is_the_folder_s_name_in_small_letters_and_hyphens(tmp_path, name, slug):
    (tmp_path / name).mkdir()
    assert opened(tmp_path / name, HEAD).slug == slug


@pytest.mark.parametrize("name", ["☕", "...", "con", "CON", "nul", "com1", "LPT9", "x" * 64, "喫茶店"])
def test_a_folder_s_name_that_makes_no_path_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="cannot name a report. Rename the folder with letters a-z and digits"):
        opened(tmp_path / name, HEAD).slug  # noqa: B018
