"""What reviewers tried: inputs of the kinds that went wrong once, each with what comes out."""

import json

import polars as pl
import pytest
import xlsxwriter

from engagekit import DataError, Study
from engagekit.data.business import Business
from engagekit.starter import freeze_or_leave_out, recognised, settings_from

HEAD = """\
name = "Shop"
kind = "{kind}"
language = "{language}"
currency = "{currency}"
time_zone = "Asia/Jakarta"
as_of = 2026-07-01
"""
EVENTS = "customer_id,time,channel,action"


@pytest.fixture
def business(tmp_path):
    """A business of some settings and files, given by their names."""

    def made(settings, *, language="en", currency="IDR", kind="ecommerce", head="", **files):
        for name, lines in files.items():
            (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n", "utf-8")
        text = HEAD.format(kind=kind, language=language, currency=currency) + head + settings
        (tmp_path / "business.toml").write_text(text, "utf-8")
        return Business.open(tmp_path)

    return made


@pytest.fixture
def started(tmp_path):
    """Business that ``init --from`` makes of files."""

    def made(*texts, language="en", ending="csv"):
        folder, files = tmp_path / "shop", []
        for number, text in enumerate(texts):
            files.append(tmp_path / f"{number}.{ending}")
            files[-1].write_text(text if isinstance(text, str) else "\n".join(text) + "\n", "utf-8")
        folder.mkdir()
        text = settings_from(folder, [recognised(file) for file in files], language)
        (folder / "business.toml").write_text(text, "utf-8")
        freeze_or_leave_out(folder)
        return Business.open(folder)

    return made


ONE = '[tables.interactions]\nfile = "a.csv"\n'


def sales(*cells):
    return [EVENTS + ",value", *(f'c{n},2026-01-05,web,purchase,"{cell}"' for n, cell in enumerate(cells))]


@pytest.mark.parametrize("late", ["12,500", "Rp12,500"])
def test_thousands_that_come_late_are_asked_about(business, late):
    with pytest.raises(DataError, match="can be read in two ways"):
        business(ONE, language="id", a=sales(*["500"] * 11_000, late)).reading("interactions")


def test_thousands_among_those_of_another_way_are_asked_about(business):
    cells = ["Rp 12.500", "Rp12,500", "Rp 1.250.000"]
    with pytest.raises(DataError, match="row 3, value: the numbers of this column can be read in two ways"):
        business(ONE, language="id", a=sales(*cells)).reading("interactions")


def test_numbers_of_json_have_no_language(tmp_path, started):
    order = {"id": 9007199254740993, "total_price": 150.125, "financial_status": "paid", "order_number": 7}
    order |= {"created_at": "2026-01-05T03:00:00Z", "customer_id": 5, "source_name": "web", "currency": "IDR"}
    other = order | {"id": 2, "total_price": 1e16}
    frame = started(json.dumps({"orders": [order, other]}), language="id", ending="json").reading("interactions").frame
    assert frame.select("order_id", "value").rows() == [("9007199254740993", 150.125), ("2", 1e16)]


def test_calls_of_segment_that_name_nobody_cost_nothing(started):
    who = [{"type": "identify", "userId": f"u{n}", "traits": {"plan": "pro"}} for n in range(4)]
    pages = [{"type": "page", "anonymousId": f"x{n}"} for n in range(40)]
    orders = [{"type": "track", "event": "Order Refunded", "userId": "u1", "properties": {"total": 9}}]
    calls = [
        {"messageId": str(n), "timestamp": f"2026-01-05T03:00:{n:02}Z", "anonymousId": None} | call
        for n, call in enumerate([*who, *pages, *orders])
    ]
    made = started("\n".join(map(json.dumps, calls)), ending="jsonl")
    assert made.table("customers")["customer_id"].tolist() == ["u0", "u1", "u2", "u3"]
    (refund,) = made.table("interactions").query("action == 'refund'").to_dict("records")
    assert (refund["customer_id"], refund["value"]) == ("u1", 9)


SHOPIFY = "Name,Email,Phone,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,Refunded Amount"


def test_orders_of_exports_that_overlap_count_once_as_the_later_one_has_them(started):
    jan = [SHOPIFY, "#1,a@x.id,,pending,IDR,50,2026-01-05 10:00:00 +0700,1,Mug,0"]
    jan += [
        "#1,a@x.id,,,,,2026-01-05 10:00:00 +0700,1,Tea,",
        "#2,b@x.id,,paid,IDR,30,2026-01-07 10:00:00 +0700,1,Mug,0",
    ]
    feb = [SHOPIFY, "#1,a@x.id,,refunded,IDR,50,2026-01-05 10:00:00 +0700,1,Mug,50"]
    feb += [
        "#1,a@x.id,,,,,2026-01-05 10:00:00 +0700,1,Tea,",
        "#3,a@x.id,,paid,IDR,20,2026-02-07 10:00:00 +0700,1,Mug,0",
    ]
    made = started(jan, feb)
    study = Study(made, "2026-07-01")
    (row,) = study.measure("refund_rate").to_dict("records")
    assert (row["numerator"], row["denominator"]) == (50, 100)
    statuses = study.table("interactions").query("order_id == '#1' and action == 'purchase'")["status"]
    assert set(statuses) == {"refunded"}


def test_orders_of_two_tills_that_count_alike_are_different(business):
    head = EVENTS + ",order_id,value"
    made = business(
        '[tables.interactions]\nfile = ["a.csv", "b.csv"]\n',
        a=[head, "x,2026-01-05 10:00,store,purchase,1,5"],
        b=[head, "x,2026-01-05 11:00,store,purchase,1,7", "y,2026-01-05 10:00,store,purchase,1,9"],
    )
    assert made.reading("interactions").frame["value"].sum() == 21


def test_a_copy_of_a_file_is_refused(business):
    lines = [EVENTS, "x,2026-01-05,web,view"]
    made = business('[tables.interactions]\nfile = "*.csv"\n', orders=lines, orders_1=lines)
    with pytest.raises(DataError, match=r"orders_1.csv: holds the same as orders.csv. Name it once."):
        made.reading("interactions")


def test_a_word_that_stands_on_further_rows_too_is_the_line_s_own(business):
    rows = [
        "a,2026-01-05,web,purchase,10,1,returned",
        "a,2026-01-05,web,purchase,20,1,",
        "a,2026-01-06,web,purchase,5,2,",
    ]
    rows += ["a,2026-01-06,web,purchase,7,2,returned"]
    settings = ONE + 'keep = {status = "!= returned"}\ncolumns = {status = "status"}\n'
    reading = business(settings, a=[EVENTS + ",value,order_id,status", *rows]).reading("interactions")
    assert reading.frame["value"].to_list() == [20, 5]


def test_who_ordered_and_when_may_stand_on_the_first_row_only(business):
    settings = (
        ONE
        + """[tables.interactions.columns]
customer_id = {from = ["email", "phone"]}
time = {together = ["day", "clock"]}
channel = {constant = "store"}
action = {constant = "purchase"}
order_id = "number"
product = "item"
value = "total"
"""
    )
    head = "number,email,phone,day,clock,total,item"
    rows = ["1,a@x.id,,2026-01-05,09:30,50,Mug", "1,,,,,,Tea", "2,,0812555,2026-01-06,10:30,20,Mug", "2,,,,,,Tea"]
    frame = business(settings, a=[head, *rows]).reading("interactions").check().frame
    assert frame["customer_id"].to_list() == ["a@x.id", "a@x.id", "0812555", "0812555"]
    assert frame["time"].dt.strftime("%H:%M").to_list() == ["09:30", "09:30", "10:30", "10:30"]
    assert frame["value"].sum() == 70


PERIODS = "customer_id,starts_at,ends_at,monthly_value,plan"
MONTHS = [("01-01", "01-31"), ("02-01", "02-28"), ("03-01", "03-31"), ("04-01", "04-30"), ("05-01", "05-31")]


def churned(made):
    return Study(made).measure("churn_rate", every="month")["numerator"].dropna().sum()


def test_last_days_are_told_from_the_files_of_all_months_together(business):
    files = {
        f"s{n}": [PERIODS, *(f"c{who},2026-{start},2026-{end},9,x" for who in range(8))]
        for n, (start, end) in enumerate(MONTHS)
    }
    made = business('[tables.subscriptions]\nfile = "s*.csv"\n', kind="subscription", head='horizon = "30d"\n', **files)
    assert churned(made) == 0


def test_last_days_are_told_where_a_customer_has_two_plans(business):
    rows = [f"c{who},2026-{start},2026-{end},9,{plan}" for who in range(6) for start, end in MONTHS for plan in "AB"]
    settings = '[tables.subscriptions]\nfile = "s.csv"\ncolumns = {plan = "plan"}\n'
    assert churned(business(settings, kind="subscription", head='horizon = "30d"\n', s=[PERIODS, *rows])) == 0


def test_one_customer_who_came_back_a_day_late_moves_no_ends(business):
    rows = [f"c{who},2026-01-01,2026-02-01,9,x" for who in range(20)] + ["c1,2026-02-02,2026-03-01,9,x"]
    made = business('[tables.subscriptions]\nfile = "s.csv"\n', kind="subscription", s=[PERIODS, *rows])
    assert made.reading("subscriptions").ways == []


def test_customers_who_differ_in_capitals_are_one_row(business):
    settings = '[tables.customers]\nfile = "c.csv"\ncolumns = {plan = "plan"}\n'
    reading = business(settings, c=["customer_id,plan", "Ani@x.com,old", "ani@x.com,new"]).reading("customers")
    assert reading.frame.select("customer_id", "plan").rows() == [("Ani@x.com", "new")]
    assert (reading.rows, reading.kept, reading.superseded) == (2, 1, 1)


def test_questions_that_only_look_like_scores_are_none(started):
    lines = ["StartDate,EndDate,Status,Finished,RecordedDate,ResponseId,DistributionChannel,Q1_NPS,Q1_NPS_GROUP,Q2,Q3"]
    lines += [
        "Start,End,Status,Done,Recorded,Id,Channel,Recommend?,NPS group,Which operating system?,Apa jenis usaha Anda?"
    ]
    lines += [",".join('"{""ImportId"":""x""}"' for _ in range(11))]
    days = [f"2026-01-{n:02} 09:00:00" for n in range(1, 11)]
    lines += [f"{day},{day},{0 if n else 1},1,{day},R{n},email,{10 - n % 3},3,4,5" for n, day in enumerate(days)]
    frame = started(lines).reading("surveys").check().frame
    assert frame["kind"].unique().to_list() == ["nps"]
    assert len(frame) == 9  # a preview is no answer
    assert "sent_at" not in frame.columns or frame["sent_at"].count() == 0


def test_answers_with_labels_are_their_numbers(business):
    cells = ["10 - Extremely likely", "9", "0 - Not at all likely", "7: fairly"]
    lines = ["kind,score,answered_at", *(f"nps,{cell},2026-01-05" for cell in cells)]
    frame = business('[tables.surveys]\nfile = "s.csv"\n', s=lines).reading("surveys").check().frame
    assert frame["score"].to_list() == [10, 9, 0, 7]


def test_tickets_rated_on_another_scale_are_an_error(business):
    lines = ["ticket_id,opened_at,score", *(f"{n},2026-01-05,{1 + n % 7}" for n in range(70))]
    with pytest.raises(DataError, match=r"score: the cell counts as blank: out_of_range \(20 rows\)"):
        business('[tables.tickets]\nfile = "t.csv"\n', t=lines).reading("tickets").check()


@pytest.mark.parametrize("name", ["Currency", "properties.currency", "ccy", "Mata Uang"])
def test_a_column_of_currencies_is_seen(business, name):
    lines = [EVENTS + f",value,{name}", "a,2026-01-05,web,purchase,25,USD", "b,2026-01-05,web,purchase,4000,IDR"]
    with pytest.raises(DataError, match="row 2, currency: is not IDR"):
        business(ONE, a=lines).reading("interactions")
    rated = business(ONE + "rates = {USD = 16000}\n", a=lines).reading("interactions")
    assert rated.frame["value"].to_list() == [400_000, 4000]


@pytest.mark.parametrize(
    "word",
    ["Totals", "Total Februari", "Total Penjualan", "Jumlah Total", "Grand Total (2 orders)", "Sum", "TOTAL 2026"],
)
def test_rows_of_totals_by_other_words(business, word):
    lines = ["post_id,posted_at,platform,likes", "1,2026-01-05,x,5", f"{word},2026-01-31,x,5"]
    reading = business('[tables.posts]\nfile = "p.csv"\n', p=lines).reading("posts")
    assert reading.refused["reason"].to_list() == ["total_row"]
    assert reading.check().frame["likes"].sum() == 5


def test_actions_that_mean_something_are_read_in_any_capitals(business):
    lines = [EVENTS, "a,2026-01-05,web,Purchase", "a,2026-01-05,web,REFUND", "a,2026-01-05,web,Add to Cart"]
    frame = business(ONE, a=lines).reading("interactions").frame
    assert frame["action"].to_list() == ["purchase", "refund", "Add to Cart"]


def test_a_row_that_is_refused_for_two_sources_is_one_error(business):
    settings = '[[tables.interactions]]\nfile = "a.csv"\n[[tables.interactions]]\nfile = "a.csv"\n'
    with pytest.raises(DataError, match="row 2, customer_id: the cell was refused: missing"):
        business(settings, a=[EVENTS, ",2026-01-05,web,view"]).reading("interactions").check()


def test_currencies_that_are_no_codes_do_not_stop_a_business(started):
    rows = [SHOPIFY, "#1,a@x.id,,paid,Rp,50,2026-01-05 10:00:00 +0700,1,Mug,0"]
    assert started(rows, language="id").currency == "IDR"


def test_days_and_times_of_day_of_a_workbook_are_times_together(business, tmp_path):
    import datetime as dt

    with xlsxwriter.Workbook(tmp_path / "till.xlsx") as book:
        sheet, day, clock = book.add_worksheet(), *(book.add_format({"num_format": f}) for f in ("yyyy-mm-dd", "hh:mm"))
        sheet.write_row(0, 0, ["customer_id", "Tanggal", "Jam", "channel", "action"])
        sheet.write_row(1, 0, ["a", "", "", "store", "purchase"])
        sheet.write_datetime(1, 1, dt.datetime(2026, 1, 5), day)
        sheet.write_datetime(1, 2, dt.time(9, 30), clock)
    settings = '[tables.interactions]\nfile = "till.xlsx"\ncolumns = {time = {together = ["Tanggal", "Jam"]}}\n'
    (at,) = business(settings).reading("interactions").check().frame["time"]
    assert f"{at:%Y-%m-%d %H:%M}" == "2026-01-05 09:30"


def test_notes_below_a_report_are_no_rows_of_it(started):
    head = "Opportunity ID,Account ID,Stage,Amount,Close Date,Won,Probability (%)"
    rows = [f"O{n},A{n % 3},Closed Won,100,2026-01-{n + 10},true,100" for n in range(9)]
    notes = ["Salesforce report", '"Confidential, all rights reserved"', "Copyright 2026"]
    reading = started([head, *rows, *notes]).reading("interactions")
    assert reading.check().kept == 9
    assert set(reading.refused["reason"]) == {"note_row"}


def test_posts_of_exports_that_overlap_are_as_the_later_one_has_them(started):
    head = "Post ID,Page ID,Publish time,Views,Reach,Reactions,Comments,Shares"
    made = started(
        [head, "1,9,01/20/2026 06:08,100,80,5,0,0"], [head, '1,9,01/20/2026 06:08,"1,200",900,50,0,0'], language="id"
    )
    frame = made.reading("posts").check().frame
    assert frame.select("reach", "likes").rows() == [(900, 50)]
    assert frame["posted_at"].dt.strftime("%m-%d").to_list() == ["01-20"]


def test_what_excel_says_of_its_separator_is_no_header(business):
    lines = ["sep=;", EVENTS.replace(",", ";"), "a;2026-01-05;web;view"]
    assert business(ONE, a=lines).reading("interactions").kept == 1


def test_the_message_for_dashes_says_that_they_can_mean_nothing(business):
    with pytest.raises(DataError, match=r'say that it means nothing \(blank = \["-"\]\)'):
        business(ONE, a=sales("-", "-", "5")).reading("interactions").check()


def test_an_encrypted_archive_is_a_data_error(tmp_path, business):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "x\n1\n")
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[6] |= 1  # says that it is encrypted
    place = data.index(b"PK\x01\x02") + 8
    data[place] |= 1
    (tmp_path / "a.zip").write_bytes(bytes(data))
    with pytest.raises(DataError, match="a.zip: cannot be read"):
        business('[tables.interactions]\nfile = "a.zip"\n').reading("interactions")


def test_a_row_that_is_short_in_an_export_of_google_is_read_from_its_types(tmp_path):
    nested = [{"event_params": [{"key": "n", "value": {"int_value": 5, "string_value": None}}]}]
    pl.from_dicts(nested).write_parquet(tmp_path / "a.parquet")
    from engagekit.data.files import open_cells

    header, cells, _ = open_cells(tmp_path / "a.parquet")
    assert (header, cells.collect()["0"].to_list()) == (["event_params.n"], [5])
