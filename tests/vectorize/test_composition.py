"""A study that was killed at any place ends with the very bits of one that was not."""

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from lepton.errors import LeptonError
from lepton.storage.stack_records import StackRecords
from lepton.sweep.multirun import plan_runs
from lepton.sweep.progress import SweepProgress
from lepton.training.signals import Interrupted
from lepton.vectorize.checkpointing import StackSaver
from lepton.vectorize.job_group import JobGroup, StackingOptions
from lepton.vectorize.member import StackMember
from lepton.vectorize.stack import Stack
from lepton.vectorize.stack_size import StackPlan, StepWork, plan_stacks
from tests.vectorize.conftest import DATA
from tests.vectorize.test_job_group import train_stacked

# in 32 bits, where the number of a stack's rows decides over the last ones
LENGTHS = (
    *(*DATA, "model=mlp_small", "model.hidden=[7,5]", "model.dropout=0.2", "optimizer.lr=0.02"),
    *("trainer.max_epochs=1,2,3,5", "seed=1,2", "study=cut"),
)


def bits(study):
    """All numbers of the runs of a study but for times, by run."""
    numbers = {}
    for path in Path("runs", study).glob("*/result.json"):
        result, folder = json.loads(path.read_text()), path.parent
        tables = ("history", "predictions/val", "predictions/test")
        frames = [pd.read_parquet(folder / f"{name}.parquet") for name in tables]
        numbers[folder.name] = (
            [
                frame.drop(columns="seconds", errors="ignore").to_json(double_precision=15)
                for frame in frames
            ],
            (folder / "model.safetensors").read_bytes(),
            *(result[name] for name in ("metrics", "trained", "epochs", "best_epoch")),
        )
    return numbers


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The numbers of a study of eight runs that was never interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert train_stacked(*LENGTHS)[1] == []
        return bits("cut")


def killed(monkeypatch, owner, name, calls, *, after=True):
    """Ends a sweep by a signal at the n-th call of a method, before or after it."""
    real, count = getattr(owner, name), [0]

    def method(self, *arguments, **options):
        count[0] += 1
        if count[0] == calls and not after:
            raise Interrupted(signal.SIGTERM, "here")
        result = real(self, *arguments, **options)
        if count[0] == calls:
            raise Interrupted(signal.SIGTERM, "here")
        return result

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, method)
        with pytest.raises(Interrupted):
            train_stacked(*LENGTHS)


PLACES = {
    "before the first step": (Stack, "start_epoch", 1),
    "in mid-epoch, nothing saved": (Stack, "train_batch", 9),
    "two have left, one of them recorded": (StackMember, "finish", 1),
    "three have left": (StackMember, "finish", 3),
    "within the records of the last": (StackMember, "finish", 7),
}


@pytest.mark.slow
@pytest.mark.parametrize("saves", [False, True])
@pytest.mark.parametrize("place", PLACES)
def test_a_killed_stack_ends_with_the_bits_of_a_whole_one(here, monkeypatch, whole, place, saves):
    if saves:
        monkeypatch.setattr(StackSaver, "is_due", lambda self: True)
    killed(monkeypatch, *PLACES[place])
    assert bits("cut").keys() < whole.keys()
    assert train_stacked(*LENGTHS)[1] == []
    assert bits("cut") == whole
    assert not list(Path("runs/cut/.stacks").glob("*/*"))


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["vectorized", "auto"])
def test_a_sweep_that_is_killed_again_and_again_ends_with_the_bits_of_a_whole_one(
    lepton, monkeypatch, launcher
):
    sweep = ("train", "-m", *LENGTHS[:-1], f"hydra/launcher={launcher}", "hydra.launcher.size=3")
    assert lepton(*sweep, "study=whole")[0] == 0
    real, calls = StackMember.finish, []

    def finish(self, *arguments):
        calls.append(self)
        if len(calls) % 3 == 2:
            raise Interrupted(signal.SIGTERM, "here")
        real(self, *arguments)

    monkeypatch.setattr(StackMember, "finish", finish)
    codes = []
    while not codes or codes[-1]:
        codes.append(lepton(*sweep, "study=cut")[0])
        assert len(codes) < 10
    assert codes[:3] == [143] * 3  # within stacks, and between them
    assert bits("cut") == bits("whole")


def work(**changes):
    small = StepWork(
        operations=76,
        result_bytes=664_000,
        held_bytes=490_000,
        weight_bytes=15_000,
        can_be_replayed=True,
    )
    return replace(small, **changes)


LARGE = {"result_bytes": 20_000_000}
DECISIONS = {
    "a small network: as many as there are": (work(), 64, StackPlan(64, 1)),
    "what a CPU's caches hold": (work(result_bytes=4_000_000), 64, StackPlan(32, 4)),
    "arithmetic is all": (work(**LARGE), 64, None),
    "steps that run through vmap, many": (work(can_be_replayed=False), 8, StackPlan(8, 1)),
    "steps that run through vmap, few": (work(can_be_replayed=False), 7, None),
}


@pytest.mark.parametrize("case", DECISIONS)
def test_sizes_decide_without_a_clock(case):
    step, members, expected = DECISIONS[case]
    plan = plan_stacks(step, members=members, held_at_most=999, threads=4, on_gpu=False)
    assert (plan if expected else type(plan)) == (expected or str)


def test_memory_bounds_a_stack():
    plan = plan_stacks(work(), members=64, held_at_most=5, threads=1, on_gpu=False)
    assert plan == StackPlan(5, 1)
    assert plan_stacks(work(), members=64, held_at_most=1, threads=1, on_gpu=False) == (
        "memory holds no two of these runs"
    )


@pytest.mark.slow
def test_a_run_whose_folder_was_removed_leaves_a_line_and_no_stop(here, monkeypatch, caplog):
    killed(monkeypatch, StackMember, "finish", 2)
    gone = sorted(path.parent for path in Path("runs/cut").glob("*/result.json"))[0]
    shutil.rmtree(gone)
    jobs = [job for job in plan_runs(LENGTHS, sweep=True).jobs if job.folder.name != gone.name]
    options = StackingOptions(threads=1, size=9)
    assert JobGroup(jobs, options, SweepProgress(jobs)).train() == []
    assert f"{gone.name} is no longer there" in caplog.text


@pytest.mark.slow
def test_two_processes_train_a_stack_once(here):
    jobs = plan_runs(LENGTHS, sweep=True).jobs
    StackRecords(jobs[0].folder.parent).add([[job.folder.name for job in jobs]], 1)
    (record,) = StackRecords(jobs[0].folder.parent).all()
    with StackRecords(jobs[0].folder.parent).training(record):
        progress = SweepProgress(jobs)
        assert JobGroup(jobs, StackingOptions(threads=1, size=9), progress).train() == []
    assert [job.folder for job in progress.locked_jobs] == [job.folder for job in jobs]


@pytest.mark.parametrize(
    ("file", "was", "now"),
    [
        ("*/stack.json", '"a"', '"c"'),
        ("*/stack.json", '"threads": 2', '"threads": 1'),
        ("*/stack.json", '"b": 3', '"b": 2'),
        ("study.json", '"threads": 2', '"threads": 1'),
        ("study.json", '"alone"', '"alonf"'),
    ],
)
def test_a_record_that_was_changed_is_named(here, file, was, now):
    study = StackRecords(Path("runs/cut"))
    study.add([["a", "b"]], study.threads(2))
    study.train_alone(["z"], "it cannot be stacked")
    study.note_left(study.all()[0], ["b"], 3)
    assert study.by_run()["a"].left == {"b": 3}
    (path,) = study.folder.glob(file)
    text = path.read_text()
    assert was in text
    path.write_text(text.replace(was, now))
    with pytest.raises(LeptonError, match=rf"{path}: not a record of stacks that lepton wrote"):
        study.all(), study.alone(), study.threads(2)


@pytest.mark.parametrize(
    "content", ["", "[", "[]", "{}", '{"runs": [], "threads": 1, "left": {}}', "[" * 100_000]
)
def test_a_record_that_cannot_be_read_is_named(here, content):
    folder = Path("runs/cut/.stacks/0")
    folder.mkdir(parents=True)
    (folder / "stack.json").write_text(content)
    with pytest.raises(LeptonError, match="not a record of stacks that lepton wrote"):
        StackRecords(Path("runs/cut")).all()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("gone")])
def test_what_is_no_file_in_the_place_of_a_studys_record_is_named(here, make):
    study = StackRecords(Path("runs/cut"))
    study.folder.mkdir(parents=True)
    make(study.folder / "study.json")
    with pytest.raises(LeptonError, match=r"study\.json: not a record of stacks"):
        study.threads(2)
