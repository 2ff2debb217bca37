"""Logit adjustment beside the formula of its paper, and beside what it is for."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from lepton.errors import ConfigError
from lepton.example import make_spec
from lepton.regularization.logit_adjustment import LogitAdjustment
from lepton.task import task_for
from lepton.training.loss import training_loss

COUNTS = {"binary": (60, 20), "multiclass": (50, 20, 10), "multilabel": (8, 40, 72)}
ROWS = 80


@pytest.fixture(autouse=True)
def _in_64_bits():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


class Given(nn.Module):
    """Says the logits that it was given, in every pass."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, batch):
        return self.logits


def case(name, *, parallel=False):
    """A task, its logits, a target, and the method prepared for the classes' counts."""
    spec = make_spec(name)
    outputs = 1 if name == "binary" else len(COUNTS[name])
    generator = torch.Generator().manual_seed(0)
    shape = (ROWS, 2, outputs) if parallel else (ROWS, outputs)
    logits = torch.randn(shape, generator=generator, dtype=torch.float64)
    if name == "multiclass":
        target = torch.randint(3, (ROWS,), generator=generator)
    else:
        target = torch.randint(2, (ROWS, outputs), generator=generator).double()
        target = target.squeeze(-1) if name == "binary" else target
    method = LogitAdjustment(tau=1.5)
    fields = {"task": name, "class_counts": COUNTS[name], "train_rows": ROWS}
    method.prepare(nn.Identity(), SimpleNamespace(**fields))
    return task_for(spec, class_weights=None, monitor=None), logits, target, method


def expected_losses(name, logits, target):
    """Minus the logarithm of prior ** tau * exp(logit), over their sum. Shapes: (rows, labels)."""
    logits = logits.numpy()
    if name == "multiclass":
        scores = np.exp(logits) * (np.array(COUNTS[name]) / ROWS) ** 1.5
        chosen = np.take_along_axis(scores, target.numpy()[:, None], 1)
        return -np.log(chosen / scores.sum(1, keepdims=True))
    present = np.array(COUNTS[name][1:] if name == "binary" else COUNTS[name]) / ROWS
    yes, no = np.exp(logits) * present**1.5, (1 - present) ** 1.5
    p = yes / (yes + no)
    return -np.log(np.where(target.numpy().reshape(p.shape) == 1, p, 1 - p))


@pytest.mark.parametrize("name", COUNTS)
def test_the_loss_is_that_of_the_paper(name):
    task, logits, target, method = case(name)
    batch = {"target": target, "id": torch.arange(ROWS)}
    expected = expected_losses(name, logits, target)
    loss = training_loss(Given(logits), task, [method], batch)
    assert loss.item() == pytest.approx(expected.mean())
    weight = torch.linspace(0, 3, ROWS, dtype=torch.float64)
    loss = training_loss(Given(logits), task, [method], batch | {"weight": weight})
    expected = np.average(expected.mean(1), weights=weight)
    assert loss.item() == pytest.approx(expected)


def test_parallel_predictions_and_further_passes_of_methods_are_adjusted_too():
    task, logits, target, method = case("multiclass", parallel=True)
    batch = method.on_batch({"target": target, "id": torch.arange(ROWS)})
    both = [expected_losses("multiclass", logits[:, k], target).mean() for k in range(2)]
    assert task.loss_of(logits, batch).item() == pytest.approx(np.mean(both))


def test_a_model_that_knows_nothing_but_shares_ends_without_a_favourite():
    """Where inputs tell nothing, the best logits are the same for all classes with tau 1."""
    method = LogitAdjustment(tau=1.0)
    fields = {"task": "multiclass", "class_counts": (50, 20, 10), "train_rows": ROWS}
    method.prepare(nn.Identity(), SimpleNamespace(**fields))
    target = torch.repeat_interleave(torch.arange(3), torch.tensor([50, 20, 10]))
    spec = make_spec("multiclass")
    task = task_for(spec, class_weights=None, monitor=None)
    bias = torch.zeros(3, requires_grad=True)
    batch = {"target": target, "id": torch.arange(ROWS)}
    training_loss(Given(bias.expand(ROWS, 3)), task, [method], batch).backward()
    torch.testing.assert_close(bias.grad, torch.zeros(3))


def test_numbers_and_a_negative_tau_are_refused():
    with pytest.raises(ConfigError, match=r"regularization\.logit_adjustment: task regression"):
        LogitAdjustment(tau=1.0).prepare(nn.Identity(), SimpleNamespace(task="regression"))
    with pytest.raises(ConfigError, match=r"regularization\.logit_adjustment\.tau: -1 is neg"):
        LogitAdjustment(tau=-1)
