"""Methods of a user's: in stacks, resumed, and with two processes, without a change in lepton."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from lepton import compose
from lepton.run import train
from lepton.vectorize.step_replay import Recording
from tests.methods.conftest import EXACT, METHODS, SMALL
from tests.vectorize.test_checkpointing import assert_same_runs
from tests.vectorize.test_job_group import train_stacked


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_members_of_a_stack_end_as_they_would_alone_by_replayed_steps(
    gap, words, method, monkeypatch
):
    replays, real = [], Recording.replay

    def replay(self, inputs):
        replays.append(1)
        return real(self, inputs)

    monkeypatch.setattr(Recording, "replay", replay)
    assert gap(*SMALL, EXACT, *words(method, "0.2,0.8"), "seed=1,2") < 1e-9
    assert replays


@pytest.mark.slow
def test_a_stack_of_a_method_that_takes_gradients_itself_finds_its_size(words):
    jobs, reasons = train_stacked(*SMALL, *words("fgsm", "0.2,0.8"), "seed=1,2", size=None)
    assert reasons in ([], len(jobs) * reasons[:1])
    assert all("a stack would be slower" in reason for reason in reasons)


NORMALIZED = ("model=mlp", "model.normalization=batch", "model.dropout=0.2", "model.hidden=[8]")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fgsm", "sam", "rdrop"])
def test_so_they_do_with_batch_normalization_and_dropout(gap, words, method):
    chosen = [*words(method, "0.1,0.3"), "seed=1,2", "optimizer.eps=1e-5"]
    assert gap(*SMALL, EXACT, *NORMALIZED, *chosen) < 1e-7


ALL = (
    "regularization=[rdrop,sam,label_smoothing,ema]",
    "augmentation=own_mixup",
    "adversarial=own_fgsm",
)


@pytest.mark.slow
def test_several_methods_at_once_share_a_stack_in_which_each_draws_its_own(gap, words):
    overrides = ("dataset.classes=3", "dataset.categories=[]", "trainer.accumulate_grad_batches=2")
    overrides += ("augmentation.own_mixup.alpha=0.3", "adversarial.own_fgsm.epsilon=0.01,0.1")
    assert gap(*SMALL, EXACT, *ALL, *overrides, "model.dropout=0.2", "seed=1,2") < 1e-8


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_killed_stack_goes_on_bit_for_bit_in_the_middle_of_an_epoch(words, method, train_killed):
    overrides = (*SMALL, *words(method, "0.2,0.8"))
    train_stacked(*overrides, "study=whole")
    train_killed((1, 2), *overrides, "study=cut")
    assert train_stacked(*overrides, "study=cut")[1] == []
    assert_same_runs("whole", "cut", 2)


PROCESSES = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.max_epochs=2")


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_two_processes_train_with_it(words, method):
    chosen = [*SMALL, *words(method), "dataset.rows=200", "trainer.max_epochs=2"]
    two = train(compose(*chosen, *PROCESSES, "batch_size=16", "study=two"))
    again = train(compose(*chosen, *PROCESSES, "batch_size=16", "study=again"))
    assert two.metrics == again.metrics
    if method in ("fgsm", "distillation"):  # each row's own loss: a mean over processes is the same
        one = train(compose(*chosen, "model.dropout=0", "batch_size=32", "study=one"))
        same = train(compose(*chosen, *PROCESSES, "model.dropout=0", "batch_size=16", "study=same"))
        folders = [Path("runs/one", one.run), Path("runs/same", same.run)]
        weights, others = (load_file(folder / "model.safetensors") for folder in folders)
        for name, value in weights.items():
            torch.testing.assert_close(value, others[name], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
@pytest.mark.parametrize("method", METHODS)
def test_in_16_bits_it_learns_about_what_it_does_in_32(words, method, precision):
    chosen = [*SMALL, *words(method), "trainer.max_epochs=6"]
    losses = []
    for name in ("32-true", precision):
        run = train(compose(*chosen, f"trainer.precision={name}", f"study={name}")).run
        losses.append(pd.read_parquet(Path("runs", name, run, "history.parquet"))["train/loss"])
    assert losses[1].to_list() == pytest.approx(losses[0].to_list(), rel=0.05)
