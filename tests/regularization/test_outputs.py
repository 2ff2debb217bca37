"""RDrop and ConfidencePenalty beside scipy's divergences and entropies, and torch's losses."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from torch import nn
from torch.nn import functional as F

from lepton.errors import ConfigError
from lepton.regularization.confidence_penalty import ConfidencePenalty
from lepton.regularization.rdrop import RDrop

OUTPUTS = {"binary": 1, "multiclass": 4, "multilabel": 3, "regression": 1}


class Noisy(nn.Module):
    """Gives other logits each time; (rows, outputs), or (rows, parallel, outputs)."""

    def __init__(self, *shape):
        super().__init__()
        self.dropout, self.shape = nn.Dropout(0.5), shape

    def forward(self, batch):
        return torch.randn(self.shape, dtype=torch.float64, generator=batch["generator"])


class Task:
    """A loss of which each row says something else."""

    def loss_of(self, logits, batch):
        return logits.mean() ** 2


def applied(method, task, *shape, weight=None):
    """Two draws of logits, the loss with the method, and that of each draw."""
    model = Noisy(*shape)
    method.prepare(model, SimpleNamespace(task=task, outputs=OUTPUTS[task]))
    generator = torch.Generator().manual_seed(0)
    first = model({"generator": generator})
    state = generator.get_state()
    second = model({"generator": generator})
    generator.set_state(state)
    batch = {"generator": generator} | ({} if weight is None else {"weight": weight})
    losses = [Task().loss_of(logits, batch) for logits in (first, second)]
    loss = method.loss(model, Task(), batch, losses[0] + 5, first)  # 5: of an earlier method
    return first, second, loss.item(), sum(losses).item() / 2 + 5, losses[0].item() + 5


def probabilities(task, logits):
    """Shapes: -> (..., classes), with yes and no of each label as classes."""
    if task == "multiclass":
        return logits.softmax(-1).numpy()
    p = logits.sigmoid().numpy()
    return np.stack([p, 1 - p], -1)


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("parallel", [(), (2,)])
def test_rdrop_adds_half_the_symmetric_divergence_of_two_passes(task, parallel):
    first, second, loss, mean, _ = applied(RDrop(alpha=3.0), task, 8, *parallel, OUTPUTS[task])
    p, q = probabilities(task, first), probabilities(task, second)
    divergence = (entropy(p, q, axis=-1) + entropy(q, p, axis=-1)) / 2
    assert loss == pytest.approx(mean + 3 * divergence.mean())


def test_rdrop_of_numbers_adds_the_squared_difference():
    first, second, loss, mean, _ = applied(RDrop(alpha=2.0), "regression", 8, 1)
    assert loss == pytest.approx(mean + 2 * F.mse_loss(first, second).item())


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_the_confidence_penalty_is_the_negative_entropy(task):
    first, _, loss, _, alone = applied(ConfidencePenalty(beta=0.7), task, 8, OUTPUTS[task])
    assert loss == pytest.approx(alone - 0.7 * entropy(probabilities(task, first), axis=-1).mean())


def test_rows_count_by_their_weights():
    weight = torch.tensor([1.0, 3.0, 0.0])
    method = ConfidencePenalty(beta=1.0)
    first, _, loss, _, alone = applied(method, "multiclass", 3, 4, weight=weight)
    of_rows = entropy(probabilities("multiclass", first), axis=-1)
    assert loss == pytest.approx(alone - np.average(of_rows, weights=weight))


def test_what_makes_no_sense_is_refused_in_a_line():
    spec = SimpleNamespace(task="regression", outputs=1)
    with pytest.raises(ConfigError, match=r"regularization\.confidence_penalty: task regression"):
        ConfidencePenalty(beta=0.1).prepare(nn.Linear(1, 1), spec)
    with pytest.raises(ConfigError, match=r"regularization\.rdrop: the model Linear drops nothing"):
        RDrop(alpha=1.0).prepare(nn.Linear(1, 1), spec)
    with pytest.raises(ConfigError, match=r"regularization\.rdrop: task own has neither"):
        RDrop(alpha=1.0).prepare(nn.Dropout(0.1), SimpleNamespace(task="own"))
    with pytest.raises(ConfigError, match=r"regularization\.rdrop\.alpha: -1"):
        RDrop(alpha=-1)
    with pytest.raises(ConfigError, match=r"regularization\.confidence_penalty\.beta: -1"):
        ConfidencePenalty(beta=-1)
