"""The launcher that trains one run after the other: attempts, failures, Ctrl-C."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from lepton import load
from lepton.launch.basic import Basic
from lepton.storage.run_folder import failed_folder, read_failure
from lepton.sweep.multirun import plan_runs
from lepton.sweep.progress import SweepProgress

WINE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2")
FRAGILE = ("dataset=wine", "model=fragile", "trainer.max_epochs=1")


def jobs(*overrides):
    return plan_runs(overrides, sweep=True).jobs


@pytest.mark.slow
def test_every_job_is_trained_in_order(here):
    planned = jobs(*WINE, "seed=3,1,2")
    Basic().launch_jobs(planned)
    times = [(job.folder / "result.json").stat().st_mtime_ns for job in planned]
    assert times == sorted(times)
    assert len(set(times)) == 3


@pytest.mark.slow
def test_a_failing_job_leaves_its_traceback_and_the_next_one_is_trained(fragile):
    (fragile / "1").touch()
    bad, good = jobs(*FRAGILE, "seed=1,2")
    Basic().launch_jobs([bad, good])
    assert (good.folder / "result.json").is_file()
    failure = read_failure(bad.folder)
    assert "no luck with 1" in failure["error"]
    assert "Traceback" in failure["traceback"]
    assert {p.name for p in failed_folder(bad.folder).iterdir()} >= {"config.yaml", "log.txt"}


@pytest.mark.slow
def test_a_mistake_that_shows_in_the_data_leaves_nothing(here):
    (job,) = jobs(*WINE, "dataset.columns={alcool: numeric}")
    progress = SweepProgress([job])
    Basic().launch_jobs([job], progress)
    assert "columns.alcool: no such column" in progress.refused[job.folder]
    assert (progress.done, progress.failed) == (0, 1)
    assert not job.folder.parent.exists()


@pytest.mark.slow
def test_ctrl_c_leaves_a_clean_study_and_the_same_command_goes_on(here, start, command):
    arguments = (
        "train",
        "-m",
        "hydra/launcher=basic",
        *WINE[:2],
        "trainer.max_epochs=100",
        "seed=range(5)",
        "study=long",
    )
    process = start(*arguments)
    folder = Path("runs/long")
    while process.is_alive() and not [*folder.glob("*[!t]/result.json")]:  # none of NAME.part
        time.sleep(0.01)
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    process.join(60)
    output = Path("output.txt").read_text()
    assert process.exitcode == 130, output
    last = r"lepton: (stopped by Ctrl-C after .*|interrupted); finished runs are kept, the same .*"
    assert re.fullmatch(last, output.splitlines()[-1])
    assert "Traceback" not in output
    finished = {p.parent: p.parent.stat().st_mtime_ns for p in folder.glob("*/result.json")}
    assert 1 <= len(finished) < 5
    assert load("long")["status"].unique().tolist() == ["finished"]
    assert len(load("long")) == len(finished)
    code, _ = command(*arguments)
    assert code == 0
    assert {p: p.stat().st_mtime_ns for p in finished} == finished
    assert len(load("long")) == 5
    assert sorted(p.name for p in folder.iterdir() if p.is_dir()) == sorted(load("long")["run"])
