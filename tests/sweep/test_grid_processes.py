"""A sweep in several processes, killed and waited for: the same runs, none trained twice."""

import random
import time
from pathlib import Path

import pandas as pd
import pytest

from lepton import load
from lepton.storage.run_writing import record_failure
from lepton.sweep.multirun import multirun, plan_runs
from tests.quick import more_and_more
from tests.sweep.conftest import comparable_table

BASIC = "hydra/launcher=basic"  # bit for bit, whatever the machine finds faster
WINE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2")
LONG = (
    BASIC,
    *("dataset=synthetic", "dataset.rows=300", "trainer.max_epochs=30", "optimizer.lr=0.01"),
    *("model=mlp_small,gradient_boosting", "seed=range(3)", "study=long"),
)


def study(name="default"):
    return Path("runs") / name


def runs(name="default"):
    """The folders of a study's runs."""
    return sorted(path for path in study(name).iterdir() if path.is_dir())


def kill_and_restart(start, rng, kills):
    """Starts the sweep and kills it, so many times; the times of results that each kill left."""
    finished = {}
    for _ in range(kills):
        names_before = set(study("long").glob("*")) if study("long").exists() else set()
        process = start("train", "-m", *LONG)
        while process.is_alive() and not has_finished_another(names_before):
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        process.join()
        finished |= {p: p.stat().st_mtime_ns for p in study("long").glob("*/result.json")}
        load("long")
    return {p: t for p, t in finished.items() if p.parent.suffix != ".part"}


def has_finished_another(names_before):
    """True when a run that was not there before has finished."""
    results = study("long").glob("*/result.json") if study("long").exists() else ()
    return any(p.parent not in names_before and p.parent.suffix != ".part" for p in results)


@pytest.mark.parametrize("kills", more_and_more(8, 60))
def test_a_sweep_killed_at_random_times_ends_as_one_that_was_not(here, start, command, kills):
    multirun([override.replace("study=long", "study=whole") for override in LONG])
    finished = kill_and_restart(start, random.Random(kills), kills)
    assert finished
    code, output = command("train", "-m", *LONG)
    assert code == 0, output
    uninterrupted, long = comparable_table("whole"), comparable_table("long")
    pd.testing.assert_frame_equal(uninterrupted, long[list(uninterrupted)], check_exact=True)
    assert {p: p.stat().st_mtime_ns for p in finished} == finished
    assert [p.name for p in runs("long")] == load("long")["run"].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "parallel"])
def test_two_processes_share_a_study_and_train_nothing_twice(trap, start, launcher):
    for seed in range(6):
        trap(seed, "nap")
    arguments = ["train", "-m", "dataset=wine", "model=deadly", "trainer.max_epochs=1"]
    arguments += ["seed=range(6)", f"hydra/launcher={launcher}"]
    processes = [start(*arguments, output=Path(f"output{n}.txt").absolute()) for n in (1, 2)]
    for n, process in enumerate(processes, 1):
        process.join(120)
        assert process.exitcode == 0, Path(f"output{n}.txt").read_text()
    assert sorted(Path("trained").read_text().split()) == [*"012345"]
    assert load("default")["status"].tolist() == ["finished"] * 6


@pytest.mark.slow
@pytest.mark.parametrize("status_before", [None, "failed", "finished"])
def test_what_a_killed_process_had_is_trained_by_the_one_that_waits_for_it(
    trap, start, status_before
):
    arguments = ["train", "-m", "dataset=wine", "model=deadly", "trainer.max_epochs=1", "seed=1,2"]
    planned = plan_runs(arguments[2:], sweep=True).jobs
    if status_before == "failed":
        record_failure(planned[0].folder, planned[0].config, RuntimeError("before"))
    if status_before == "finished":
        multirun(arguments[2:])
        arguments.append("rerun=true")
    times = [p.stat().st_mtime_ns for p in Path("runs").glob("default/*/result.json")]
    trap(1, "hang once")
    first = start(*arguments, output=Path("output1.txt").absolute())
    while first.is_alive() and not Path("pids").exists():
        time.sleep(0.05)
    second = start(*arguments, output=Path("output2.txt").absolute())
    output = Path("output2.txt")
    while second.is_alive() and not (output.exists() and "waiting for 1 run" in output.read_text()):
        time.sleep(0.05)
    first.kill()
    second.join(60)
    assert second.exitcode == 0, output.read_text()
    assert load("default")["status"].tolist() == ["finished"] * 2
    new_times = [p.stat().st_mtime_ns for p in Path("runs").glob("default/*/result.json")]
    assert not set(times) & set(new_times)


@pytest.mark.slow
def test_sweeps_started_together_on_two_studies_do_not_meet(here, start, fingerprint):
    arguments = ["train", "-m", BASIC, *WINE, "seed=1,2"]
    processes = [
        start(*arguments, f"study={name}", output=Path(f"{name}.txt").absolute()) for name in "ab"
    ]
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert [p.name for p in runs("a")] == [p.name for p in runs("b")]
    assert [fingerprint(p) for p in runs("a")] == [fingerprint(p) for p in runs("b")]
    assert {p.name for p in Path().iterdir()} == {"a.txt", "b.txt", "runs"}
