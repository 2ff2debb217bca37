"""A loss that is not finite ends its run at once, keeps what was finite, and harms no other run."""

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import lepton.run
import lepton.training.module
from lepton import load
from lepton.errors import Diverged, FailedRuns
from lepton.storage.run_folder import run_status
from lepton.sweep.multirun import multirun
from lepton.task.base import Task
from lepton.training.module import TrainingModule
from lepton.values.finite import LossCheck, all_finite

OVERRIDES = (
    *("dataset=synthetic", "dataset.rows=170", "batch_size=16", "trainer=cpu"),  # 7 steps an epoch
    *("model=resnet", "model.width=8", "trainer.max_epochs=3", "optimizer.lr=0.01"),
)
HUGE = ("dataset=diabetes", "model=mlp_small", "optimizer=sgd", "trainer.max_epochs=2")


@pytest.fixture
def states(monkeypatch):
    """The weights after every optimizer step."""
    states, step = [], TrainingModule._step

    def noted(self, optimizer):
        step(self, optimizer)
        states.append({k: v.clone() for k, v in self.model.state_dict().items()})

    monkeypatch.setattr(TrainingModule, "_step", noted)
    return states


@pytest.fixture
def spoil(monkeypatch):
    """Makes a loss wrong from a batch on, and the weights too if asked for."""

    def spoil(batch, value, *, weights=False):
        real, calls = lepton.training.module.loss_and_normalizer, []

        def loss(model, *arguments):
            calls.append(1)
            if len(calls) < batch:
                return real(model, *arguments)
            if weights:
                with torch.no_grad():
                    next(model.parameters()).fill_(math.nan)
            loss, normalizer = real(model, *arguments)
            return loss * value, normalizer

        monkeypatch.setattr(lepton.training.module, "loss_and_normalizer", loss)

    return spoil


def failed_run(study="default"):
    """The only folder of the study, its failure and the weights in it."""
    (folder,) = (Path("runs") / study).iterdir()
    assert folder.suffix == ".failed"
    failure = json.loads((folder / "failure.json").read_text())
    file = folder / "model.safetensors"
    return failure, load_file(file) if file.exists() else None


def same(one, two):
    return set(one) == set(two) and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("batch", "value"),
    [(b, v) for b in (1, 4, 9) for v in (math.nan, math.inf, -math.inf)],
)
def test_the_optimizer_does_not_move_after_the_loss_and_the_weights_before_are_kept(
    run, states, spoil, batch, value
):
    spoil(batch, value)
    epoch, number = 1 + (batch - 1) // 7, 1 + (batch - 1) % 7
    expected = rf"^training loss is (nan|-?inf) in epoch {epoch}, batch {number}$"
    with pytest.raises(Diverged, match=expected):
        run(*OVERRIDES)
    assert len(states) == batch - 1
    failure, weights = failed_run()
    assert (failure["status"], failure["weights"]) == ("diverged", "of the step before")
    assert all_finite(weights)
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    moved = {k: v for k, v in weights.items() if not k.endswith(buffers)}
    assert not states or same(moved, {k: states[-1][k] for k in moved})


@pytest.mark.slow
def test_the_best_epochs_weights_are_kept_where_the_last_ones_are_not_finite(
    run, states, spoil, monkeypatch
):
    spoil(17, 1.0, weights=True)
    with pytest.raises(Diverged, match=r"in epoch 3, batch 3$"):
        run(*OVERRIDES)
    failure, weights = failed_run()
    best = int(failure["weights"].split()[2].rstrip(","))
    assert failure["weights"] == f"of epoch {best}, the best"
    assert same(weights, states[7 * best - 1])


@pytest.mark.slow
def test_the_last_checkpoints_weights_are_kept_where_there_is_no_best_epoch(run, states, spoil):
    spoil(5, 1.0, weights=True)
    with pytest.raises(Diverged, match=r"in epoch 1, batch 5$"):
        run(*OVERRIDES, "trainer.checkpoint_every=0")
    failure, weights = failed_run()
    assert failure["weights"] == "of the last checkpoint"
    assert same(weights, states[3])


@pytest.mark.slow
def test_that_no_finite_weights_are_left_is_said(run, spoil):
    spoil(1, 1.0, weights=True)
    with pytest.raises(Diverged):
        run(*OVERRIDES)
    failure, weights = failed_run()
    assert failure["weights"] == "none: no finite ones were left"
    assert weights is None


@pytest.mark.slow
def test_a_validation_metric_that_is_not_finite_ends_the_run(run, states, monkeypatch):
    monkeypatch.setattr(
        Task,
        "monitored",
        lambda *_, **__: math.nan if len(states) > 7 else 0.5,
    )
    with pytest.raises(Diverged, match=r"^validation log_loss is nan after epoch 2$"):
        run(*OVERRIDES)
    failure, weights = failed_run()
    assert failure["status"] == "diverged"
    assert same(weights, states[13])


@pytest.mark.slow
def test_a_diverged_run_is_not_trained_again_unless_asked_for(run, monkeypatch):
    names, real = [], lepton.run._train
    monkeypatch.setattr(
        lepton.run, "_train", lambda *a, **arguments: names.append(1) or real(*a, **arguments)
    )
    overrides = (*HUGE, "optimizer.lr=1e30")
    with pytest.raises(Diverged) as first:
        run(*overrides)
    with pytest.raises(Diverged) as again:
        run(*overrides)
    assert len(names) == 1
    assert str(again.value) == f"{first.value}; rerun=true tries again"
    assert again.value.weights == first.value.weights
    with pytest.raises(Diverged):
        run(*overrides, "rerun=true")
    assert len(names) == 2


@pytest.mark.slow
def test_a_sweep_goes_on_and_a_diverged_run_never_ranks(here, capsys):
    with pytest.raises(FailedRuns, match=r"^1 of 2 runs"):
        multirun([*HUGE, "optimizer.lr=1e30,0.001"])
    frame = load("default").set_index("optimizer.lr")
    assert frame["status"].to_dict() == {1e30: "diverged", 0.001: "finished"}
    assert frame["score"].idxmax() == 0.001
    assert frame["score"].isna().to_dict() == {1e30: True, 0.001: False}
    output = capsys.readouterr().out
    assert "diverged: diabetes-mlp_small-s0-" in output
    assert "1e+30" not in output.partition("diverged: ")[0]
    statuses = {run_status(p.with_suffix("")) for p in Path("runs/default").glob("*.failed")}
    assert statuses == {"diverged"}


def test_the_command_says_it_in_a_line(lepton):
    code, _, output = lepton("train", *HUGE, "optimizer.lr=1e30")
    assert code == 1
    assert output.splitlines()[-1].startswith("lepton: the run failed: Diverged: training loss is ")
    assert "Traceback" not in output


def test_losses_are_looked_at_one_by_one_on_the_cpu():
    losses = LossCheck()
    assert losses.not_finite(1, torch.tensor(2.0)) is None
    assert losses.not_finite(2, torch.tensor(math.inf)) == (2, math.inf)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_losses_are_looked_at_one_step_late_on_a_gpu():
    losses = LossCheck()
    assert losses.not_finite(1, torch.tensor(math.inf, device="cuda")) is None
    assert losses.not_finite(2, torch.tensor(1.0, device="cuda")) == (1, math.inf)
