"""How far a sweep is, and one line for it on a terminal."""

import io
import logging
import re
import sys
from pathlib import Path

import pytest

from lepton.sweep.budget import Budget
from lepton.sweep.job import Job
from lepton.sweep.multirun import multirun
from lepton.sweep.progress import SweepProgress
from lepton.training import terminal_line
from lepton.values.time_span import as_clock


def job(seed):
    return Job((f"seed={seed}",), {"rerun": False}, Path("runs/default") / str(seed))


def fail(job):
    folder = job.folder.with_name(job.folder.name + ".failed")
    folder.mkdir(parents=True)
    (folder / "failure.json").write_text('{"run": "x", "error": "E: no", "traceback": ""}')


def test_runs_are_counted_by_what_lies_in_their_folders(here):
    planned = [job(n) for n in range(4)]
    progress = SweepProgress(planned)
    for planned_job in planned:
        progress.started(planned_job)
    fail(planned[1])
    progress.ended(planned[0])
    progress.ended(planned[1])
    progress.ended(planned[2], "locked")
    assert str(progress) == "1 finished, 1 failed, 1 running"
    assert progress.locked_jobs == [planned[2]]
    assert not progress.stop_reason


def test_a_failure_stops_a_sweep_that_is_to_fail_fast(here):
    planned = [job(1), job(2)]
    progress = SweepProgress(planned, fail_fast=True)
    progress.ended(planned[0])
    assert not progress.stop_reason
    fail(planned[1])
    progress.ended(planned[1])
    assert "fail_fast" in progress.stop_reason


def test_a_full_disk_stops_a_sweep(here):
    progress = SweepProgress([job(1)])
    progress.ended(job(1), "disk full")
    assert progress.stop_reason == "no space left on the disk of runs/default"


def test_the_rest_is_estimated_at_the_pace_so_far(here, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("lepton.sweep.progress.time.monotonic", lambda: now[0])
    planned = [job(n) for n in range(10)]
    progress = SweepProgress(planned)
    assert progress.time_left() is None
    now[0] = 6.0
    for ended in planned[:3]:
        progress.ended(ended)
    assert progress.time_left() == pytest.approx(14.0)


@pytest.mark.parametrize(("seconds", "clock"), [(5, "0:05"), (61.4, "1:01"), (3725, "1:02:05")])
def test_time_left_is_told_as_a_clock_does(seconds, clock):
    assert as_clock(seconds) == clock


def test_with_a_budget_the_line_says_how_much_of_it_is_used(here):
    planned, clock, shown = [job(n) for n in range(3)], [0.0], []

    class Bar:
        def show(self, text, **counts):
            shown.append(text)

    budget = Budget(600, planned, clock=lambda: clock[0])
    progress = SweepProgress(planned, budget=budget)
    progress.bar = Bar()
    assert progress.may_start(planned[0])
    clock[0] = 61.0
    progress.ended(planned[0])
    assert shown == ["1/3 done, 1:01 of 10:00"]
    assert budget.estimate([planned[1]]) == 61


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Puts a terminal of 120 columns in the place of stderr, for this process's log too."""

    def terminal():
        stderr = Terminal()
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setenv("COLUMNS", "120")
        monkeypatch.setenv("TERM", "xterm")
        logging.getLogger("lepton").addHandler(logging.StreamHandler(stderr))
        logging.getLogger("lepton").setLevel(logging.INFO)
        return stderr

    return terminal


def strip_escapes(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.mark.slow
def test_one_line_moves_on_a_terminal_and_the_log_stays_above_it(here, terminal):
    terminal = terminal()
    multirun(
        [
            "hydra/launcher=basic",
            "dataset=wine",
            "model=linear",
            "trainer.max_epochs=200",
            "seed=1,2,3",
        ]
    )
    output = terminal.getvalue()
    assert "3/3 done" in output
    assert re.search(r"epoch \d+/200", output)  # the line moves ten times a second
    assert output.count("[1/3] ") == 1
    logged = [text for text in output.replace("\r", "\n").split("\n") if "[2/3] " in text]
    assert len(logged) == 1
    assert "done" not in logged[0]
    assert re.fullmatch(r"\[2/3\] wine-linear-s2-\w{10}", strip_escapes(logged[0]).strip())
    assert terminal_line.of_sweep is None
    assert "left" in output


@pytest.mark.slow
def test_nothing_moves_where_there_is_no_terminal(here, capsys):
    multirun(["dataset=wine", "model=linear", "trainer.max_epochs=2", "seed=1,2"])
    assert "\x1b[" not in capsys.readouterr().err
