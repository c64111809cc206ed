"""The command ``engagekit plan``: what it prints, writes and refuses."""

import shutil

import polars as pl
import pytest
from typer.testing import CliRunner

from engagekit.cli import app
from engagekit.data.plans import read_plans


@pytest.fixture
def shop(sample_folders, tmp_path):
    folder = tmp_path / "shop"
    shutil.copytree(sample_folders["ecommerce"], folder)
    return folder


@pytest.fixture
def tiny(tmp_path):
    """A shop with one customer, who needs no contact."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "i.csv").write_text("customer_id,time,channel,action\nc1,2026-10-31,store,purchase\n")
    head = 'name = "W"\nkind = "ecommerce"\nlanguage = "id"\ncurrency = "IDR"\ntime_zone = "Asia/Jakarta"\n'
    (folder / "business.toml").write_text(f'{head}[tables.interactions]\nfile = "i.csv"\n')
    return folder


def run(*words):
    return CliRunner().invoke(app, ["plan", *map(str, words)])


@pytest.fixture(scope="module")
def planned(sample_folders, tmp_path_factory):
    """A shop for which a plan was made, and what the command printed."""
    folder = shutil.copytree(sample_folders["ecommerce"], tmp_path_factory.mktemp("planned") / "shop")
    return folder, run(folder).output


@pytest.mark.parametrize("share", ["25%", "0.25"])
def test_a_plan_is_written_and_says_what_to_do_next(shop, share):
    made = run(shop, "--hold-out", share, "--name", "november", "--days", "28", "--as-of", "2026-10-01")
    assert made.exit_code == 0, made.output
    rows = read_plans(shop)
    sizes = dict(rows.group_by("arm").agg(pl.len()).iter_rows())
    assert f"november, 2026-10-01 until 2026-10-29: {sizes['contact']} to contact" in made.output
    assert f"{sizes['hold_out']} held out, on no list while the plan runs; {rows.height} customers new" in made.output
    assert str(shop / "private" / "november.csv") in made.output
    assert str(shop / "actions.csv") in made.output
    assert set(rows["hold_out"]) == {"0.25"}


def test_data_that_end_long_before_the_plan_are_said(shop, planned):
    _, now = planned
    assert "end of the data" not in now
    assert "what customers do from 2026-11-01 on counts" in now
    late = run(shop, "--as-of", "2027-11-01")
    assert "Days from the end of the data (2026-11-01) to the plan: 365. Export newer ones." in late.output


def test_held_out_ids_that_no_table_knows_are_said(shop):
    run(shop, "--hold-out", "50%")
    out = read_plans(shop).filter(pl.col("arm") == "hold_out")["customer_id"][0]
    file = shop / "plans.csv"
    file.write_text(file.read_text().replace(f'"{out}"', '"somebody else"'))
    assert (
        "Held out by a plan, but in no table: 1. Check the ids in plans.csv." in run(shop, "--hold-out", "50%").output
    )


def test_a_second_call_says_that_nobody_is_new(planned):
    shop, _ = planned
    before = (shop / "plans.csv").read_bytes()
    again = run(shop)
    assert "0 customers new in the plan" in again.output
    assert (shop / "plans.csv").read_bytes() == before


@pytest.mark.parametrize("share", ["0", "0%", "100%", "1", "10", "ten", "%", "-5%", "nan"])
def test_a_share_that_is_none_is_refused(tiny, share):
    made = run(tiny, f"--hold-out={share}")
    assert made.exit_code == 2
    assert "--hold-out" in made.output
    assert "Write 10% or 0.1" in made.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--name", "../evil"], "name: '../evil' is not made of a-z, digits and hyphens"),
        (["--days", "0"], "days: 0 is not between 1 and 365"),
        (["--as-of", "soon"], "as_of"),
        (["--hold-out", "0"], "--hold-out"),
    ],
)
def test_what_cannot_be_is_said_without_a_traceback(shop, words, message):
    made = run(shop, *words)
    assert made.exit_code == 2
    assert message in made.output
    assert "Traceback" not in made.output
    assert not (shop / "plans.csv").exists()


def test_a_business_that_is_not_there_is_said(tmp_path):
    made = run(tmp_path / "nowhere")
    assert made.exit_code == 2
    assert "nowhere" in made.output


def test_a_plan_for_nobody_says_so_and_writes_nothing(tiny):
    made = run(tiny)
    assert made.exit_code == 0
    assert made.output == "Nobody to contact on 2026-11-01: nothing was written.\n"
    assert {file.name for file in tiny.iterdir()} == {"business.toml", "i.csv"}
