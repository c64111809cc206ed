"""Progress: seen after two seconds where somebody watches, and nowhere else."""

import io
import sys
from types import SimpleNamespace

import pandas as pd
import pytest
from jupyter_client.manager import start_new_kernel

from engagekit import ChurnDefinition, Study, compare_models
from engagekit.churn.candidates import Candidate
from engagekit.display import progress as module
from engagekit.display.progress import is_watched, progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Waiting:
    """A timer that goes off when it is told to."""

    def __init__(self, seconds, function):
        self.seconds, self.go_off, self.ended = seconds, function, []

    def start(self):
        self.ended = []

    def cancel(self):
        self.ended.append("cancelled")

    def join(self):
        self.ended.append("joined")


def terminal(monkeypatch):
    """A terminal that somebody watches; not a fixture, for pytest sets its own stderr after these."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


@pytest.fixture
def timers():
    return []


def timed(timers):
    def made(seconds, function):
        timers.append(Waiting(seconds, function))
        return timers[-1]

    return made


def test_nothing_is_seen_of_what_takes_less_than_two_seconds(monkeypatch, timers):
    screen = terminal(monkeypatch)
    assert list(progress(["a", "b"], "Reading", timer=timed(timers))) == ["a", "b"]
    assert screen.getvalue() == ""
    assert [timer.seconds for timer in timers] == [2.0]
    assert timers[0].ended == ["cancelled", "joined"]


def test_a_bar_names_what_is_worked_on_from_then_on_and_is_wiped_at_the_end(monkeypatch, timers):
    screen = terminal(monkeypatch)
    for item in progress(["a", "[red]b", "c"], "Reading", timer=timed(timers)):
        if item == "[red]b":
            assert screen.getvalue() == ""
            timers[0].go_off()
            assert "Reading [red]b" in screen.getvalue()
            assert "1/3" in screen.getvalue()
    assert "\x1b[2K" in screen.getvalue().rpartition("3/3")[2]  # the line is erased after it was last drawn


def test_a_step_that_fails_takes_its_bar_along(monkeypatch, timers):
    screen = terminal(monkeypatch)

    def fail():
        for _ in progress([1], "Reading", timer=timed(timers)):
            timers[0].go_off()
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert timers[0].ended == ["cancelled", "joined"]
    assert "\x1b[?25h" in screen.getvalue()  # the cursor is shown again


@pytest.mark.parametrize("screen", [io.StringIO(), None])
def test_where_nobody_watches_there_is_no_timer_and_no_byte(monkeypatch, screen, timers):
    monkeypatch.setattr(sys, "stderr", screen)
    assert list(progress(["a", "b"], "Reading", timer=timed(timers))) == ["a", "b"]
    assert timers == []
    assert screen is None or screen.getvalue() == ""


@pytest.mark.parametrize(
    ("asks", "widgets", "watched"), [(True, object(), True), (True, None, False), (False, object(), False)]
)
def test_a_notebook_is_watched_whose_front_end_can_be_asked(monkeypatch, asks, widgets, watched):
    terminal(monkeypatch)
    shell = SimpleNamespace(kernel=SimpleNamespace(_allow_stdin=asks))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(module, "find_spec", {"ipywidgets": widgets}.get)
    assert not is_watched()  # nbval runs under pytest
    monkeypatch.delenv("PYTEST_VERSION")
    assert is_watched() is watched


def test_kernels_say_whether_they_can_be_asked():
    """Which papermill and nbconvert never allow, and JupyterLab does."""
    said = []
    manager, client = start_new_kernel()
    try:
        for asks in (True, False):
            client.execute_interactive(
                "get_ipython().kernel._allow_stdin",
                allow_stdin=asks,
                timeout=60,
                output_hook=lambda message: said.append(message["content"].get("data", {}).get("text/plain")),
            )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert [each for each in said if each] == ["True", "False"]


class AtOnce(Waiting):
    def start(self):
        self.go_off()


def test_reading_tables_and_testing_models_are_steps_that_show_progress(monkeypatch, tmp_path):
    monkeypatch.setitem(progress.__kwdefaults__, "timer", AtOnce)
    screen = terminal(monkeypatch)
    settings = 'name = "Shop"\nkind = "ecommerce"\nlanguage = "en"\ncurrency = "GBP"\ntime_zone = "Europe/London"\n'
    (tmp_path / "business.toml").write_text(f'{settings}[tables.mailings]\nfile = "mail.csv"\n', "utf-8")
    (tmp_path / "mail.csv").write_text("sent_at,campaign,sent,delivered\n2026-01-31,A,10,9\n", "utf-8")
    Study(tmp_path)
    assert "Reading mailings" in screen.getvalue()
    rows = pd.DataFrame(
        {"recency_days": [float(n % 97) for n in range(300)], "churned": [n % 2 == 0 for n in range(300)]}
    )
    churn = ChurnDefinition(horizon="28d", contractual=True)
    compare_models(rows, churn, candidates=[Candidate("base_rate", ()), Candidate("recency", ("recency_days",))])
    assert "Testing models, fold" in screen.getvalue()
    assert "10/10" in screen.getvalue()
