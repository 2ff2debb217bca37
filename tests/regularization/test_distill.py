"""Distill beside torch's divergence, and the refusals of runs that cannot teach."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from lepton.errors import ConfigError
from lepton.regularization.distill import Distill
from lepton.testing import MethodContract

OUTPUTS = {"binary": 1, "multiclass": 4, "multilabel": 3, "regression": 1}
IDS = torch.tensor([7, 2, 5, 11, 3, 0])


class TestDistill(MethodContract):
    def build(self):
        method = Distill(teacher="some/run", share=0.6, temperature=3.0)
        method.prepare(None, spec_of("binary"))
        generator = torch.Generator().manual_seed(0)
        method.told("teacher", torch.arange(240), torch.rand(240, generator=generator))
        return method


class Task:
    """A loss of which each row says something else."""

    def loss_of(self, logits, batch):
        return logits.mean() ** 2


def spec_of(task):
    return SimpleNamespace(task=task, outputs=OUTPUTS[task], target_mean=3.0, target_std=2.0)


def told(task, temperature, *parallel):
    """Logits of the model and of the teacher for the rows of IDS, and what the method adds."""
    generator = torch.Generator().manual_seed(1)
    shape = (len(IDS), OUTPUTS[task])
    teacher = torch.randn(shape, generator=generator, dtype=torch.float64)
    student = torch.randn(
        (len(IDS), *parallel, OUTPUTS[task]), generator=generator, dtype=torch.float64
    )
    method = Distill(teacher="some/run", share=0.25, temperature=temperature)
    method.prepare(None, spec_of(task))
    predicted = {
        "multiclass": teacher.softmax(-1),
        "regression": (3.0 + 2.0 * teacher).squeeze(-1),
    }.get(task, teacher.sigmoid())
    predicted = predicted.squeeze(-1) if task == "binary" else predicted
    order = torch.tensor([3, 0, 5, 1, 4, 2])  # the run lists its rows in an order of its own
    torch.set_default_dtype(torch.float64)
    try:
        method.told("teacher", IDS[order], predicted[order])
    finally:
        torch.set_default_dtype(torch.float32)
    own = Task().loss_of(student, {})
    loss = method.loss(None, Task(), {"id": IDS}, own + 5, student)  # 5: of an earlier method
    return student, teacher, (loss - 5 - 0.75 * own) / 0.25


@pytest.mark.parametrize("parallel", [(), (2,)])
def test_of_classes_it_is_the_divergence_at_the_temperature_times_its_square(parallel):
    student, teacher, distance = told("multiclass", 3.0, *parallel)
    teacher = teacher[:, None].expand(-1, *parallel, -1) if parallel else teacher
    flat = [(values / 3).log_softmax(-1).flatten(0, -2) for values in (student, teacher)]
    expected = 9 * F.kl_div(*flat, reduction="batchmean", log_target=True)
    torch.testing.assert_close(distance, expected)


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_of_labels_it_is_that_of_yes_and_no_of_each(task):
    student, teacher, distance = told(task, 2.0)
    p, q = (teacher / 2).sigmoid(), (student / 2).sigmoid()
    divergence = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    torch.testing.assert_close(distance, 4 * divergence.mean())


def test_of_numbers_it_is_the_squared_difference_in_standard_deviations():
    student, teacher, distance = told("regression", 2.0)
    torch.testing.assert_close(distance, F.mse_loss(student, teacher))


def test_a_run_that_is_certain_is_followed_by_a_finite_loss():
    method = Distill(teacher="some/run", share=1.0, temperature=1.0)
    method.prepare(None, spec_of("binary"))
    method.told("teacher", torch.arange(2), torch.tensor([0.0, 1.0]))
    logits = torch.zeros(2, 1, requires_grad=True)
    method.loss(None, Task(), {"id": torch.arange(2)}, torch.zeros(()), logits).backward()
    assert logits.grad is not None
    assert logits.grad[0] > 0 > logits.grad[1]


def test_what_makes_no_sense_is_refused_in_a_line():
    with pytest.raises(ConfigError, match=r"regularization\.distill: share=2"):
        Distill(teacher="some/run", share=2, temperature=1.0)
    method = Distill(teacher="some/run", share=0.5, temperature=1.0)
    with pytest.raises(ConfigError, match=r"regularization\.distill: task own has neither"):
        method.prepare(None, SimpleNamespace(task="own"))
