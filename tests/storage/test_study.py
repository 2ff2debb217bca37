"""What a study holds beside its runs: the plan of its sweeps and the table of its results."""

import json
import multiprocessing
from pathlib import Path

import pandas as pd
import pytest

from lepton import load
from lepton.errors import LeptonError
from lepton.storage import study
from lepton.storage.study import StudyTables, add_planned_runs, planned_runs
from lepton.sweep.multirun import multirun, plan_runs

WINE = ("hydra/launcher=basic", "dataset=wine", "model=linear", "trainer.max_epochs=1")
STUDY = Path("runs/default")


def jobs(*overrides):
    return plan_runs(["dataset=wine", *overrides], sweep=True).jobs


def remember(*overrides):
    add_planned_runs({job.folder: str(job) for job in jobs(*overrides)})


@pytest.mark.slow
def test_the_plan_holds_the_runs_of_all_sweeps(here):
    STUDY.mkdir(parents=True)
    remember("seed=1,2")
    remember("seed=2,3")
    assert list(planned_runs(STUDY)) == [job.folder.name for job in jobs("seed=1,2,3")]
    assert set(planned_runs(STUDY).values()) == {f"dataset=wine seed={n}" for n in (1, 2, 3)}


def _remember(folder, seeds):
    import os

    os.chdir(folder)
    for seed in seeds:
        remember(f"seed={seed}")


@pytest.mark.slow
def test_sweeps_at_one_time_lose_nothing_of_the_plan(here):
    STUDY.mkdir(parents=True)
    context = multiprocessing.get_context("forkserver")
    groups = [range(10), range(10, 20)]
    processes = [context.Process(target=_remember, args=(str(here), group)) for group in groups]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert len(planned_runs(STUDY)) == 20


@pytest.mark.parametrize("text", ["{", "[]", '{"runs": 3}', "null"])
def test_a_plan_that_cannot_be_read_is_named(here, text):
    STUDY.mkdir(parents=True)
    (STUDY / "sweep.json").write_text(text)
    with pytest.raises(LeptonError, match=r"sweep\.json: not a plan of lepton's; remove the file"):
        remember("seed=1")


@pytest.mark.slow
def test_the_tables_of_a_study_are_what_load_gives(here):
    multirun([*WINE, "seed=1,2"])
    frame = load("default")
    assert len(frame) == 2
    parquet = pd.read_parquet(STUDY / "results.parquet")
    pd.testing.assert_frame_equal(
        parquet[["run", "score", "seed"]], frame[["run", "score", "seed"]]
    )
    csv = pd.read_csv(STUDY / "results.csv")
    assert csv["run"].tolist() == frame["run"].tolist()
    assert csv["test/accuracy"].tolist() == pytest.approx(frame["test/accuracy"].tolist())


@pytest.mark.slow
def test_a_single_run_brings_the_tables_of_a_sweep_up_to_date_and_makes_none(here, lepton):
    assert lepton("train", *WINE, "seed=1")[0] == 0
    assert not (STUDY / "results.csv").exists()
    assert lepton("train", "-m", *WINE, "seed=1,2")[0] == 0
    assert lepton("train", *WINE, "seed=3")[0] == 0
    assert len(pd.read_csv(STUDY / "results.csv")) == 3


@pytest.mark.slow
def test_the_tables_are_fresh_while_the_sweep_goes_on(here, monkeypatch):
    import lepton.run

    rows_before_run, real = [], lepton.run.train_checked

    def watched(*args, **kwargs):
        rows_before_run.append(sum(len(pd.read_csv(path)) for path in STUDY.glob("results.csv")))
        return real(*args, **kwargs)

    monkeypatch.setattr(lepton.run, "train_checked", watched)
    monkeypatch.setattr(study, "REFRESH_INTERVAL", 0)
    multirun([*WINE, "seed=1,2,3"])
    assert rows_before_run == [0, 1, 2]


@pytest.mark.slow
def test_the_same_command_mends_a_table_that_a_killed_sweep_left(here):
    multirun([*WINE, "seed=1,2"])
    (STUDY / "results.csv").unlink()
    (STUDY / "results.parquet").write_bytes(b"old")
    multirun([*WINE, "seed=1,2"])
    assert len(pd.read_csv(STUDY / "results.csv")) == 2
    assert len(pd.read_parquet(STUDY / "results.parquet")) == 2


def test_writing_the_tables_takes_a_small_part_of_the_time(here, monkeypatch):
    now, written = [0.0], []

    def write_tables(folder):
        written.append(now[0])
        now[0] += 1.0

    monkeypatch.setattr(study, "write_tables", write_tables)
    monkeypatch.setattr(study.time, "monotonic", lambda: now[0])
    tables = StudyTables(STUDY)
    while now[0] < 1000:
        tables.refresh()
        now[0] += 0.1
    assert len(written) <= 1000 / study.REFRESH_INTERVAL
    assert len(written) > 40
    tables.refresh(at_once=True)
    assert written[-1] == pytest.approx(now[0] - 1)


@pytest.mark.slow
def test_a_table_that_cannot_be_written_takes_nothing_from_the_runs(here, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    multirun([*WINE, "seed=1,2"])
    assert load("default")["status"].tolist() == ["finished"] * 2
    assert not list(STUDY.glob(".results*"))


def test_the_plan_is_plain_words(here):
    STUDY.mkdir(parents=True)
    remember("seed=1")
    plan = json.loads((STUDY / "sweep.json").read_text())
    assert [*plan["runs"].values()] == ["dataset=wine seed=1"]
