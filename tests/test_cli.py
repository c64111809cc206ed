import json

import pytest
from typer.testing import CliRunner

from engagekit.cli import app
from engagekit.data.business import Business


def call(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("businesses") / "kedai"
    assert call("init", folder, "--sample").exit_code == 0
    return folder


def test_a_sample_is_made_checked_and_reported(shop, tmp_path):
    checked = call("check", shop)
    assert checked.exit_code == 0
    assert "customer_id" in checked.output
    done = call("report", shop, "--out", tmp_path, "--as-of", "2026-10-01")
    assert done.exit_code == 0, done.output
    assert str(tmp_path / "index.html") in done.output
    found = json.loads((tmp_path / "kedai" / "engagement" / "metrics.json").read_text("utf-8"))
    assert (found["as_of"], found["month"]) == ("2026-10-01", "2026-09")


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
    columns = "sent_at,campaign,sent,delivered,opens,machine_opens,clicks,conversions,unsubscribes,complaints"
    rows = f"{columns}\n2026-01-31,a,9,9,5,1,4,1,0,0\n"
    (tmp_path / "mine" / "data" / "mailings.csv").write_text(rows)
    assert call("check", tmp_path / "mine").exit_code == 0


def test_a_business_is_never_written_over(shop):
    before = (shop / "business.toml").read_text()
    assert call("init", shop).exit_code == 2
    assert (shop / "business.toml").read_text() == before


def test_every_failure_is_told_and_the_exit_code_is_1(shop, tmp_path):
    checked = call("check", tmp_path / "nobody", shop)
    assert checked.exit_code == 1
    assert "business.toml: is not there" in checked.output
    assert "transaksi.csv" in checked.output
    assert call("report", tmp_path / "nobody", "--out", tmp_path / "out").exit_code == 1


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
        ("--template", "engagment", "Did you mean engagement?"),
        ("--as-of", "01/11/2026", "'01/11/2026' is not an ISO date"),
    ],
)
def test_wrong_dates_and_templates_are_usage_errors_that_name_the_value(shop, tmp_path, option, value, message):
    odd = call("report", shop, "--out", tmp_path / "out", option, value)
    assert odd.exit_code == 2
    assert message in odd.output
    assert not (tmp_path / "out").exists()


def test_check_finds_what_would_stop_the_report(tmp_path):
    call("init", tmp_path / "mine")
    path = tmp_path / "mine" / "business.toml"
    path.write_text(path.read_text().replace("active_days =", "active_dayz =") + "\n")
    checked = call("check", tmp_path / "mine")
    assert checked.exit_code == 1
    assert "no feature 'active_dayz'. Did you mean active_days?" in checked.output
