"""The guard of a stack: what freezes or draws elsewhere is found out, rounding is not."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from lepton.storage.run_folder import run_status
from lepton.sweep.multirun import plan_runs
from lepton.sweep.progress import SweepProgress
from lepton.training.dropout_masks import MaskStream
from lepton.vectorize.grouping import group_jobs
from lepton.vectorize.guard import (
    FIRST_STEP,
    LONGEST_WINDOW,
    StackGuard,
    other_global_numbers,
    window,
)
from lepton.vectorize.job_group import JobGroup, StackingOptions
from lepton.vectorize.optimizer import StackedAdam
from lepton.vectorize.stack_size import StackTrial
from tests.vectorize.conftest import SMALL

METHODS = '''"""Methods that a stack cannot train as a run alone does."""

import numpy as np

from lepton.method import Method


class Noise(Method):
    """Adds noise of numpy's to a third of the batches."""

    def __init__(self, *, size: float):
        self.size = size

    def on_batch(self, batch):
        if np.random.rand() < 2 / 3:
            return batch
        return batch | {"num": batch["num"] + self.size * np.random.randn()}


class Frozen(Noise):
    """Claims that it may be replayed."""

    replayable = True


class Late(Method):
    """Doubles every second batch from the 30th on; it counts where no comparison looks."""

    count = [0]

    def on_batch(self, batch):
        self.count[0] += 1
        factor = 1 + self.count[0] % 2 if self.count[0] > 30 else 1
        return batch | {"num": batch["num"] * factor}


class Counting(Method):
    """Counts in an attribute, and says that it may be replayed."""

    replayable = True
    batches = 0

    def on_batch(self, batch):
        self.batches += 1
        return batch if self.batches < 30 else batch | {"num": batch["num"] + 0.1}
'''


@pytest.fixture
def methods(here, monkeypatch):
    (here / "odd_methods.py").write_text(METHODS)
    (here / "conf" / "regularization").mkdir(parents=True)
    for name in ("Noise", "Frozen", "Late", "Counting"):
        value = "  size: 1.0  # deviation\n" if name in ("Noise", "Frozen") else ""
        text = f"# A test's.\n{name.lower()}:\n  _target_: odd_methods.{name}\n{value}"
        (here / "conf" / "regularization" / f"{name.lower()}.yaml").write_text(text)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.setenv("LEPTON_ALLOW", "odd_methods")


def train_group(*overrides, size=99):
    """Trains a group of jobs as stacks; returns the jobs, those left to train alone, progress."""
    jobs = plan_runs(overrides, sweep=True).jobs
    (members,), _ = group_jobs(jobs)
    progress = SweepProgress(members)
    options = StackingOptions(threads=1, size=size)
    return jobs, JobGroup(members, options, progress).train(), progress


@pytest.fixture
def no_trial(monkeypatch):
    """Lets every stack begin."""
    monkeypatch.setattr(StackTrial, "mismatch", lambda trial: None)


@pytest.mark.slow
def test_a_trial_finds_numbers_and_counts_that_are_no_runs_own(methods):
    for method in ("noise", "frozen"):
        np.random.seed(0)
        _, unstacked, _ = train_group(*SMALL, f"regularization={method}", "seed=1,2")
        assert all(WORDS in reason for _, reason in unstacked)
    _, unstacked, _ = train_group(*SMALL, "regularization=counting", "seed=1,2")
    reason = "batches of Counting changes in a step, and a stack has one for all its runs"
    assert [said for _, said in unstacked] == [reason] * 2


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.0, 1.01, float("nan")])
def test_a_trial_finds_an_optimizer_that_steps_as_no_run_does(here, monkeypatch, factor):
    step = StackedAdam.step

    def other_step(optimizer, weights, hyper):
        before = weights.copy()
        step(optimizer, weights, hyper)
        for value, start in zip(weights.values, before, strict=True):
            value.copy_(start + factor * (value - start))

    monkeypatch.setattr(StackedAdam, "step", other_step)
    _, unstacked, _ = train_group(*SMALL, "seed=1,2")
    [reason] = {reason for _, reason in unstacked}
    assert "the stack's AdamW makes another step than the run's own" in reason


WORDS = "numbers that are not `draw`'s"


@pytest.mark.slow
@pytest.mark.parametrize("method", ["noise", "frozen", "late"])
def test_a_method_with_numbers_of_its_own_is_found_out_in_training(methods, no_trial, method):
    np.random.seed(0)
    overrides = (*SMALL, f"regularization={method}", "trainer.max_epochs=20", "seed=range(4)")
    jobs, unstacked, _ = train_group(*overrides)
    assert [job.folder for job, _ in unstacked] == [job.folder for job in jobs]
    assert all(WORDS in reason for _, reason in unstacked)
    assert not any(job.folder.exists() for job in jobs)


@pytest.mark.slow
def test_what_ended_before_a_mismatch_is_taken_back_and_trained_again(
    methods, no_trial, monkeypatch
):
    chosen = []
    monkeypatch.setattr(StackGuard, "chooses", lambda guard, step: step in chosen)
    chosen += [40]
    overrides = (*SMALL, "regularization=late", "trainer.max_epochs=2,3,4,20", "study=stacked")
    jobs, unstacked, progress = train_group(*overrides)
    assert {job.folder for job, _ in unstacked} == {job.folder for job in jobs}
    assert progress.done == progress.failed == 0
    assert [run_status(job.folder) for job in jobs] == ["to do"] * 4


@pytest.mark.slow
def test_sweeps_train_alone_what_the_guard_refuses_and_say_so_once(methods, no_trial, lepton):
    overrides = ("regularization=late", "trainer.max_epochs=1,20", "hydra/launcher=vectorized")
    code, _, stderr = lepton("train", "-m", *SMALL, *overrides, "hydra.launcher.size=9")
    assert code == 0
    assert stderr.count(WORDS) == 1
    results = [json.loads(path.read_text()) for path in Path("runs").rglob("result.json")]
    assert [result["trained"] for result in results] == ["alone", "alone"]


@pytest.mark.slow
def test_a_member_that_diverges_as_it_would_alone_is_no_mismatch(here, monkeypatch):
    monkeypatch.setattr(StackGuard, "chooses", lambda guard, step: step % 2 == 0)
    overrides = (*SMALL, "optimizer=sgd", "dataset.classes=0", "optimizer.lr=0.01,1e12,1e25")
    _, unstacked, progress = train_group(*overrides)
    assert unstacked == []
    assert (progress.done, progress.failed) == (1, 2)


def test_one_step_of_each_window_is_chosen_whatever_step_a_resumed_stack_begins_at():
    steps = 4 * LONGEST_WINDOW
    guard, resumed = StackGuard(5), StackGuard(5)
    chosen = [step for step in range(steps) if guard.chooses(step)]
    assert [step for step in range(100, steps) if resumed.chooses(step)] == [
        step for step in chosen if step >= 100
    ]
    windows = sorted({window(step) for step in range(FIRST_STEP, steps)})
    assert [sum(start <= step < end for step in chosen) for start, end in windows[:-1]] == [1] * (
        len(windows) - 1
    )
    assert max(end - start for start, end in windows) == LONGEST_WINDOW
    assert [step for step in range(steps) if StackGuard(6).chooses(step)] != chosen


def test_comparisons_leave_the_random_numbers_of_the_process_as_they_were():
    def numbers():
        return torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()

    for generator in (torch.manual_seed, np.random.seed, random.seed):
        generator(0)
    expected = numbers()
    for generator in (torch.manual_seed, np.random.seed, random.seed):
        generator(0)
    with other_global_numbers(1, torch.device("cpu")):
        first = numbers()
    assert numbers() == expected
    with other_global_numbers(1, torch.device("cpu")):
        assert numbers() == first != expected


def test_a_fork_of_a_mask_stream_gives_what_the_run_draws_next():
    streams = MaskStream([7, 8])
    streams.draw(1000)
    fork = streams.fork(1)
    drawn = torch.cat([streams.draw(count) for count in (500, 300_000)], 1)
    assert torch.equal(fork.draw(300_500)[0], drawn[1])
