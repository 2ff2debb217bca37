"""A killed stack goes on from its members' checkpoints and ends as if it had not been."""

import json
import os
import signal
from pathlib import Path

import pytest

from lepton.sweep.attempt import attempt_job
from lepton.sweep.multirun import plan_runs
from lepton.training.signals import Interrupted
from lepton.vectorize.checkpointing import StackSaver
from lepton.vectorize.stack import Stack
from tests.quick import quick
from tests.vectorize.conftest import DATA, EXACT, SMALL, largest_difference
from tests.vectorize.test_job_group import train_stacked

CASES = {
    "dropout, batch normalization, Adam": (
        *(*DATA, EXACT, "model=resnet", "model.width=8", "model.hidden_dropout=0.3"),
        *("trainer.max_epochs=4", "seed=1,2,3", "scheduler=one_cycle"),
    ),
    "averages, patience, a schedule of epochs": (
        *(*SMALL, EXACT, "regularization=[ema,early_stopping]", "scheduler=plateau"),
        *("regularization.ema.decay=0.3,0.6", "scheduler.patience=0", "seed=1,2"),
        *("regularization.early_stopping.patience=1", "optimizer.lr=0.05", "optimizer=nadam"),
    ),
    "accumulation, lengths, common batches": (
        *(*DATA, EXACT, "model=mlp_small", "trainer.accumulate_grad_batches=2", "seed=4"),
        *("optimizer=rmsprop", "optimizer.momentum=0.5", "trainer.max_epochs=3,4,5"),
    ),
}


@pytest.fixture
def train_killed(monkeypatch):
    """Trains a sweep as a stack that ends where it has saved at a place (epoch, batches)."""

    def train_killed(place, *overrides):
        real = StackSaver.save

        def save(self, stack, epoch, batches):
            if (epoch, batches) == place:
                real(self, stack, epoch, batches)
                raise Interrupted(signal.SIGTERM, "here")

        with monkeypatch.context() as patch:
            patch.setattr(StackSaver, "save", save)
            patch.setattr(StackSaver, "is_due", lambda self: True)
            with pytest.raises(Interrupted):
                train_stacked(*overrides)

    return train_killed


def assert_same_runs(first, second, count):
    """Holds two studies to the same runs, with the same results to the last bit."""
    names = [path.parent.name for path in Path("runs", first).glob("*/result.json")]
    assert len(names) == count
    assert not list(Path("runs", second).glob("*.part"))
    for name in names:
        assert largest_difference(Path("runs", first, name), Path("runs", second, name)) == 0
        metrics = [
            json.loads(Path("runs", study, name, "result.json").read_text())["metrics"]
            for study in (first, second)
        ]
        assert metrics[0] == metrics[1]


@pytest.mark.parametrize("case", quick(CASES, "accumulation, lengths, common batches"))
@pytest.mark.parametrize("place", quick([(0, 2), (1, 0), (2, 4)], (2, 4)))
def test_a_killed_stack_goes_on_bit_for_bit(here, train_killed, case, place):
    overrides = CASES[case]
    jobs, _ = train_stacked(*overrides, "study=whole")
    train_killed(place, *overrides, "study=cut")
    _, reasons = train_stacked(*overrides, "study=cut")
    assert reasons == []
    assert_same_runs("whole", "cut", len(jobs))


@pytest.mark.slow
def test_it_may_be_killed_again_and_a_damaged_checkpoint_is_not_believed(
    here, train_killed, caplog
):
    overrides = (*SMALL, EXACT, "model.dropout=0.2", "seed=1,2")
    train_stacked(*overrides, "study=whole")
    for place in ((0, 2), (1, 1), (2, 0)):
        train_killed(place, *overrides, "study=cut")
    for last in Path("runs/cut").glob("*.part/checkpoint/last.ckpt"):
        content = bytearray(last.read_bytes())
        content[len(content) // 2] ^= 1
        last.write_bytes(content)
    _, reasons = train_stacked(*overrides, "study=cut")
    assert reasons == []
    assert "damaged" in caplog.text
    assert_same_runs("whole", "cut", 2)


@pytest.mark.slow
def test_the_last_member_of_a_stack_goes_on_by_itself(here, train_killed):
    overrides = (*SMALL, EXACT, "trainer.max_epochs=1,4")
    jobs, _ = train_stacked(*overrides, "study=whole")
    train_killed((2, 3), *overrides, "study=cut")
    assert len(list(Path("runs/cut").glob("*/result.json"))) == 1
    train_stacked(*overrides, "study=cut")
    assert_same_runs("whole", "cut", len(jobs))


@pytest.mark.slow
def test_new_runs_beside_those_that_go_on_are_a_stack_of_their_own(here, train_killed):
    overrides = (*SMALL, EXACT)
    train_stacked(*overrides, "seed=1,2", "study=whole")
    train_stacked(*overrides, "seed=3,4", "study=whole")
    train_killed((1, 2), *overrides, "seed=1,2", "study=cut")
    train_stacked(*overrides, "seed=1,2,3,4", "study=cut")
    assert_same_runs("whole", "cut", 4)


@pytest.mark.slow
def test_sigterm_saves_and_ends(here, monkeypatch):
    overrides = (*SMALL, EXACT, "model.dropout=0.2", "seed=1,2")
    train_stacked(*overrides, "study=whole")
    real = Stack.train_batch

    def train_batch(self, rows, batches):
        real(self, rows, batches)
        if self.epoch == 1 and len(self.batch_losses) == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Stack, "train_batch", train_batch)
        with pytest.raises(Interrupted, match="epoch 2, batch 3"):
            train_stacked(*overrides, "study=cut")
    assert len(list(Path("runs/cut").glob("*.part/checkpoint/last.ckpt"))) == 2
    train_stacked(*overrides, "study=cut")
    assert_same_runs("whole", "cut", 2)


@pytest.mark.slow
def test_alone_a_run_starts_anew_and_says_so(here, train_killed, caplog):
    overrides = (*SMALL, EXACT, "seed=1,2")
    train_killed((1, 2), *overrides, "study=cut")
    for job in plan_runs([*overrides, "study=cut"], sweep=True).jobs:
        attempt_job(job)
        assert (job.folder / "result.json").is_file()
    assert "trained: 'stack' there, 'alone' here" in caplog.text
