"""The state of a study, told from its folders."""

import os
import time
from pathlib import Path

import pytest

from lepton.errors import Diverged
from lepton.storage.run_writing import record_failure
from lepton.sweep.multirun import plan_runs

FRAGILE = ("dataset=wine", "model=fragile", "trainer.max_epochs=1")


def names(*arguments):
    return [job.folder.name for job in plan_runs(arguments, sweep=True).jobs]


@pytest.mark.slow
def test_what_is_done_failed_and_still_to_do_is_told(fragile, lepton):
    (fragile / "2").touch()
    (fragile / "3").touch()
    arguments = ("-m", *FRAGILE, "seed=1,2,3", "hydra.sweeper.fail_fast=true")
    assert lepton("train", *arguments)[0] == 1
    code, out, err = lepton("sweep", "status", "default")
    _, failed, to_do = names(*arguments[1:4], "seed=1,2,3")
    head, *lines = out.splitlines()
    assert (code, err) == (0, "")
    assert head == "runs/default: 3 runs: 1 finished, 1 failed, 1 to do"
    assert lines[0].split()[:2] == ["failed", failed]
    assert "no luck with 2" in lines[0]
    assert lines[1].split()[:3] == ["to", "do", to_do]
    assert lines[1].endswith("dataset=wine model=fragile trainer.max_epochs=1 seed=3")


@pytest.mark.slow
def test_a_study_of_single_runs_has_a_state_too(here, lepton):
    lepton("train", "dataset=wine", "model=linear", "trainer.max_epochs=1")
    assert lepton("sweep", "status", "runs/default")[1] == "runs/default: 1 run: 1 finished\n"


@pytest.mark.slow
def test_a_finished_run_that_is_damaged_is_not_told_to_be_finished(here, lepton):
    lepton("train", "dataset=wine", "model=linear", "trainer.max_epochs=1")
    (result,) = here.glob("runs/default/*/result.json")
    result.write_text(result.read_text().replace("0.9", "0.8", 1) + " ")
    code, out, err = lepton("sweep", "status", "default")
    head, line = out.splitlines()
    assert (code, err) == (0, "")
    assert head == "runs/default: 1 run: 1 unreadable"
    assert line.split()[:3] == ["unreadable", result.parent.name, "result.json:"]


def test_a_run_that_diverged_is_told_with_its_reason(here, lepton):
    (job,) = plan_runs(["dataset=wine", "seed=1"], sweep=True).jobs
    record_failure(job.folder, job.config, Diverged("the loss is inf in epoch 3"))
    head, line = lepton("sweep", "status", "default")[1].splitlines()
    assert head == "runs/default: 1 run: 1 diverged"
    assert line.endswith("Diverged: the loss is inf in epoch 3")


@pytest.mark.slow
def test_who_trains_a_run_is_told(trap, start, lepton):
    trap(1, "hang")
    process = start("train", "-m", "dataset=wine", "model=deadly", "seed=1")
    while process.is_alive() and not Path("pids").exists():
        time.sleep(0.05)
    head, line = lepton("sweep", "status", "default")[1].splitlines()
    assert head == "runs/default: 1 run: 1 running"
    assert line.endswith(f"process {process.pid} on {os.uname().nodename}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["status", "nowhere"], "nowhere: no such study"),
        (["status"], "usage: lepton sweep status STUDY"),
        ([], "usage: lepton sweep status STUDY"),
        (["state", "x"], "usage: lepton sweep status STUDY"),
        (["status", "x", "y"], "usage: lepton sweep status STUDY"),
    ],
)
def test_a_study_that_is_not_there_and_other_words_are_one_line(lepton, arguments, message):
    code, out, err = lepton("sweep", *arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert message in err
