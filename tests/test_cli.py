import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import engagekit
from engagekit.cli import app
from engagekit.data.business import Business
from engagekit.display.markup import template_path
from engagekit.language import LANGUAGES, Language
from engagekit.metrics.catalog import CHANNELS, METRICS
from engagekit.reports.results import results
from engagekit.study import Study

SURVEYED = """
name = "Warung"
kind = "ecommerce"
language = "id"
currency = "IDR"
time_zone = "Asia/Jakarta"
[tables.surveys]
file = "surveys.csv"
[tables.tickets]
file = "tickets.csv"
[tables.posts]
file = "posts.csv"
[tables.attendance]
file = "attendance.csv"
"""
FILES = {
    "surveys": ["kind,score,answered_at"]
    + [f"nps,{score},2026-02-{1 + row % 28:02}" for row, score in enumerate([9] * 162 + [7] * 108 + [5] * 54)],
    "tickets": ["ticket_id,opened_at,work_minutes", *(f"{hours},2026-02-03,{60 * hours}" for hours in range(1, 11))],
    "posts": ["posted_at,platform,likes", "2026-02-01,a,30", "2026-02-02,a,15", "2026-01-02,a,2"],
    "attendance": ["held_at,event,registered,attended", "2026-02-09,a,0,0"],
}


def call(*words, columns=80):
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def shop(sample_folders, tmp_path_factory):
    return shutil.copytree(sample_folders["ecommerce"], tmp_path_factory.mktemp("businesses") / "kedai")


def test_a_sample_is_made_and_checked(tmp_path):
    assert call("init", tmp_path / "kedai", "--sample").exit_code == 0
    checked = call("check", tmp_path / "kedai")
    assert checked.exit_code == 0
    assert "customer_id" in checked.output


@pytest.mark.soak
def test_a_sample_is_reported(shop, tmp_path):
    done = call("report", shop, "--out", tmp_path, "--as-of", "2026-10-01")
    assert done.exit_code == 0, done.output
    assert str(tmp_path / "index.html") in done.output
    found = json.loads((tmp_path / "kedai" / "engagement" / "metrics.json").read_text("utf-8"))
    assert (found["as_of"], found["month"]) == ("2026-10-01", "2026-09")


def test_the_comments_of_a_starter_are_in_its_language_and_its_settings_the_same(tmp_path):
    starters = {}
    for language in ("id", "ms", "en"):
        assert call("init", tmp_path / language, "--language", language).exit_code == 0
        starters[language] = (tmp_path / language / "business.toml").read_text("utf-8")
    settings = {code: tomllib.loads(text) for code, text in starters.items()}
    assert {code: read["churn"].pop("cost") for code, read in settings.items()} == {"id": 5000, "ms": 1, "en": 0.5}
    places = ("name", "language", "currency", "time_zone")
    assert len({json.dumps({**read, **dict.fromkeys(places)}) for read in settings.values()}) == 1
    keys = {code: re.findall(r"^(# )?(\[?[\w.]+\]?)( =|$)", text, re.MULTILINE) for code, text in starters.items()}
    assert keys["id"] == keys["ms"] == keys["en"]
    assert '# channel = "channel"  # where: web, app' in starters["en"]
    assert '# joined_at = "joined_at"  # ? kapan menjadi pelanggan' in starters["id"]
    said = {code: set(re.findall(r"  # (?:\? )?(\w+ .*)$", text, re.MULTILINE)) for code, text in starters.items()}
    assert len(said["en"]) > 80
    assert said["en"].isdisjoint(said["id"] | said["ms"])


@pytest.mark.parametrize("language", ["id", "ms", "en"])
def test_a_starter_can_be_opened_and_says_what_to_do_next(tmp_path, language):
    made = call("init", tmp_path / "mine", "--kind", "saas", "--language", language)
    assert made.exit_code == 0
    business = Business.open(tmp_path / "mine")
    assert (business.kind, business.language) == ("saas", language)
    checked = call("check", tmp_path / "mine")
    assert checked.exit_code == 1
    assert "no tables yet" in checked.output


def test_a_starter_becomes_a_business_by_uncommenting_a_table(tmp_path):
    call("init", tmp_path / "mine")
    path = tmp_path / "mine" / "business.toml"
    head, tables = path.read_text().split("# [tables.mailings]")
    mailings = "[tables.mailings]" + tables.split("\n\n")[0].replace("\n# ", "\n")
    path.write_text(head + mailings)
    (tmp_path / "mine" / "data").mkdir()
    columns = (
        "mailing_id,sent_at,campaign,sent,delivered,opens,machine_opens,clicks,conversions,unsubscribes,complaints"
    )
    rows = f"{columns}\n1,2026-01-31,a,9,9,5,1,4,1,0,0\n"
    (tmp_path / "mine" / "data" / "mailings.csv").write_text(rows)
    assert call("check", tmp_path / "mine").exit_code == 0


def test_a_template_is_copied_to_be_changed_and_no_file_is_written_over(tmp_path):
    mine = tmp_path / "questions" / "mine.ipynb"
    assert call("init", "--template", "churn", mine).exit_code == 0
    assert mine.read_bytes() == template_path("churn.ipynb").read_bytes()
    for words, said in (
        (("churn", mine), "there already"),
        (("churn", tmp_path), "there already"),
        (("x", "a"), "There"),
    ):
        refused = call("init", "--template", *words)
        assert refused.exit_code == 2
        assert said in refused.output
    assert "is no notebook" in call("init", "--template", "churn", tmp_path / "mine").output


@pytest.mark.soak
def test_a_score_without_bounds_is_frozen_before_its_report(shop, tmp_path):
    shop = Path(shutil.copytree(shop, tmp_path / "kedai"))
    settings = shop / "business.toml"
    text = re.sub(r", low = [^,}]+, high = [^,}]+", "", settings.read_text("utf-8"))
    settings.write_text(text, "utf-8")
    checked = call("check", shop)
    assert checked.exit_code == 1
    assert "engagekit freeze kedai" in " ".join(checked.output.split())
    assert call("report", shop, "--out", tmp_path / "out").exit_code == 1
    frozen = call("freeze", shop, "--name", "first year", "--until", "2026-05-01")
    assert frozen.exit_code == 0, frozen.output
    assert "first year:" in frozen.output
    assert call("check", shop).exit_code == 0
    assert call("freeze", shop, "--until", "May").exit_code == 2
    assert call("freeze", tmp_path / "nobody").exit_code == 2


def test_a_business_is_never_written_over(shop):
    before = (shop / "business.toml").read_text()
    assert call("init", shop).exit_code == 2
    assert (shop / "business.toml").read_text() == before


def test_every_failure_is_told_and_the_exit_code_is_1(shop, tmp_path):
    checked = call("check", tmp_path / "nobody", shop)
    assert checked.exit_code == 1
    assert "business.toml: is not there" in checked.output
    assert "transaksi.csv" in checked.output
    reported = call("report", tmp_path / "nobody", "--out", tmp_path / "out")
    assert reported.exit_code == 1
    assert "business.toml: is not there. Make it with: engagekit init" in reported.output


@pytest.mark.soak
def test_a_business_that_is_not_there_leaves_nothing_behind_unless_it_had_a_report(shop, tmp_path):
    assert call("report", tmp_path / "nope", "--out", tmp_path / "out").exit_code == 1
    assert list(tmp_path.iterdir()) == []
    moved = Path(shutil.copytree(shop, tmp_path / "moved"))
    assert call("report", moved, tmp_path / "nope", "--out", tmp_path / "out").exit_code == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == ["moved"]
    shutil.rmtree(moved)
    assert call("report", moved, "--out", tmp_path / "out").exit_code == 1
    assert (tmp_path / "out" / "moved" / "engagement.failed" / "run.json").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("report",),
        ("report", "x", "--as_off", "2026-01-01"),
        ("report", "x", "--jobs", "0"),
        ("init", "x", "--kind", "shop"),
        ("reports", "x"),
    ],
)
def test_wrong_usage_exits_with_2(words):
    assert call(*words).exit_code == 2


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--template", "engagment", "There are: churn, engagement"),
        ("--as-of", "01/11/2026", "'01/11/2026' is not an ISO date"),
    ],
)
def test_wrong_dates_and_templates_are_usage_errors_that_name_the_value(shop, tmp_path, option, value, message):
    odd = call("report", shop, "--out", tmp_path / "out", option, value)
    assert odd.exit_code == 2
    assert message in odd.output
    assert not (tmp_path / "out").exists()


def test_check_shows_repeats_hints_and_the_cell_that_no_message_holds(tmp_path):
    (tmp_path / "orders.csv").write_text(
        "ev,customer_id,time,status\n1,a,2026-01-05,Paid\n1,a,2026-01-05,Paid\n2,b,2026-01-06,Paid\n"
    )
    (tmp_path / "replies.csv").write_text("kind,score,answered_at\nnps,secret,2026-01-05\n")
    head = 'name = "x"\nkind = "ecommerce"\nlanguage = "en"\ncurrency = "GBP"\ntime_zone = "Europe/London"\n'
    orders = '[tables.interactions]\nfile = "orders.csv"\nkeep = {status = "!= paid"}\n[tables.interactions.columns]\n'
    columns = 'event_id = "ev"\nstatus = "status"\nchannel = {constant = "web"}\naction = {constant = "purchase"}\n'
    replies = '[tables.surveys]\nfile = "replies.csv"\n'
    (tmp_path / "business.toml").write_text(head + orders + columns + replies)
    checked = call("check", tmp_path)
    assert checked.exit_code == 1
    assert re.search(r"orders.csv\W[^\n]*?3\W+2\W+0\W+1\W+0\W+0\W", checked.output)
    assert re.search(r"the same as another row: counted once\W+1\W", checked.output)
    assert "the rule keep status != paid leaves out 0 of 3 rows, and keeps 3 that differ in capitals" in checked.output
    assert "row 2, score: the cell counts as blank: not_number" in checked.output
    assert re.search(r"replies.csv\W+score\W+is not a", checked.output)
    assert "The cell says 'secret'." in checked.output


def test_check_finds_what_would_stop_the_report(tmp_path):
    call("init", tmp_path / "mine")
    path = tmp_path / "mine" / "business.toml"
    path.write_text(path.read_text().replace("active_days =", "active_dayz =") + "\n")
    checked = call("check", tmp_path / "mine")
    assert checked.exit_code == 1
    assert "no feature 'active_dayz'. Did you mean active_days?" in checked.output


# The metrics and what they mean


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The metrics.json of a business with 162 promoters and 54 detractors among 324 answers of February."""
    folder = tmp_path_factory.mktemp("warung")
    (folder / "business.toml").write_text(SURVEYED)
    for name, lines in FILES.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    file = folder / "metrics.json"
    file.write_text(json.dumps(results(Study(folder, "2026-03-01")).as_dict()), "utf-8")
    return file


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_metric_is_listed_with_its_title_under_its_channel(code):
    text = Language(code).text
    listed = call("metrics", "--language", code, columns=200)
    assert listed.exit_code == 0
    for name, metric in METRICS.items():
        line = next(line for line in listed.output.splitlines() if line.startswith(f"│ {name} "))
        assert text(f"metric.{name}.title") in line
        assert f" {metric.table} " in line
    for channel in CHANNELS:
        assert text(f"channel.{channel}") in listed.output
    heads = listed.output.splitlines()[2].replace("┃", " ").split()
    assert heads == [text(f"column.{name}") for name in ("metric", "title", "table")]


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_name_is_cut_on_a_narrow_terminal(code):
    words = call("metrics", "--language", code).output.split()
    assert METRICS.keys() <= set(words)


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("name", ["net_promoter_score", "churn_rate", "first_response_p90_hours", "likes"])
def test_a_metric_is_explained_without_a_run(name, code):
    explained = call("explain", name, "--language", code)
    assert explained.exit_code == 0
    text = Language(code).text
    for part in ("title", "meaning", "caveat"):
        assert text(f"metric.{name}.{part}") in explained.output
    assert METRICS[name].reference in explained.output


def test_english_is_spoken_where_nothing_else_is_said():
    assert call("explain", "open_rate").output == call("explain", "open_rate", "--language", "en").output


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("en", "(162 − 54) / 324 = 33.3 points, 95% interval 24.9 to 41.1, from 324 answers"),
        ("id", "(162 − 54) / 324 = 33,3 poin, rentang 95% 24,9 sampai 41,1, dari 324 jawaban"),
        ("ms", "(162 − 54) / 324 = 33.3 mata, selang 95% 24.9 hingga 41.1, daripada 324 jawapan"),
    ],
)
def test_a_score_is_explained_with_the_numbers_of_a_run(run, code, said):
    explained = call("explain", "net_promoter_score", "--language", code, "--from", run)
    assert explained.exit_code == 0
    *_, head, month, always = explained.output.splitlines()
    assert head == "Warung, 2026-03-01"
    assert month.endswith(f": {said}")
    assert always == f"  {Language(code).text('column.all')}: {said}"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("promoter_rate", "162 / 324 = 50.0%, 95% interval 44.6% to 55.4%, from 324 answers"),
        ("handling_hours", "5.5 h, 95% interval 2.0 h to 9.0 h, from 10 tickets"),
        ("likes", "45, from 2 posts"),
        ("tickets_opened", "10, from 10 tickets"),
    ],
)
def test_a_rate_a_median_and_a_total_of_the_month_are_explained_each_in_its_way(run, name, said):
    explained = call("explain", name, "--language", "en", "--from", run)
    assert f": {said}\n" in explained.output


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("en", "cannot be computed: the denominator is zero"),
        ("id", "tidak dapat dihitung: penyebutnya nol"),
        ("ms", "tidak dapat dikira: penyebutnya sifar"),
    ],
)
def test_what_is_undefined_says_why(run, code, said):
    explained = call("explain", "attendance_rate", "--language", code, "--from", run)
    assert explained.exit_code == 0
    assert said in explained.output.splitlines()[-1]


def test_a_run_is_explained_in_the_language_of_its_report(run):
    spoken = call("explain", "net_promoter_score", "--from", run).output
    assert spoken == call("explain", "net_promoter_score", "--from", run, "--language", "id").output
    assert "poin" in spoken


def test_a_metric_that_the_run_has_not_is_a_usage_error_with_one_that_it_has(run):
    refused = call("explain", "open_rate", "--from", run)
    assert refused.exit_code == 2
    assert "open_rate was not measured in this run. Did you mean promoter_rate?" in refused.output


@pytest.mark.parametrize(
    "content",
    [
        b"name = 'Warung'",
        b"[]",
        b"[1]",
        b'{"schema": 1, "status": "ok"}',
        b'{"business": {}, "as_of": "", "month": "", "metrics": []}',
        b'{"business": null, "as_of": "", "month": "", "metrics": {}}',
        b"\xff\xfe\x00",
        b"",
        b"null",
    ],
    ids=repr,
)
def test_a_file_that_is_no_metrics_json_is_a_usage_error_that_names_it(tmp_path, content):
    file = tmp_path / "other.json"
    file.write_bytes(content)
    refused = call("explain", "open_rate", "--from", file)
    assert refused.exit_code == 2
    assert f"{file} is not a report's metrics.json" in refused.output


def test_a_file_that_is_not_there_is_a_usage_error_that_names_it(tmp_path):
    refused = call("explain", "open_rate", "--from", tmp_path / "gone.json")
    assert refused.exit_code == 2
    assert "gone.json" in refused.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("opne_rate",), "there is no metric 'opne_rate'. Did you mean open_rate?"),
        (("net_promotor_score", "--language", "ms"), "Did you mean net_promoter_score?"),
        (("open_rate", "--language", "fr"), "fr"),
        ((), "Missing argument"),
    ],
)
def test_what_cannot_be_explained_is_a_usage_error_that_offers_what_can(words, message):
    refused = call("explain", *words)
    assert refused.exit_code == 2
    assert message in refused.output


def test_version_and_help():
    assert call("--version").output == f"engagekit {engagekit.__version__}\n"
    for words in (("-h",), ("report", "-h")):
        assert call(*words).exit_code == 0


def test_help_names_every_template():
    written = call("report", "--help", columns=200).output
    assert all(path.stem in written for path in template_path().glob("*.ipynb"))
