"""FreeLB: learns from rows whose embeddings climb the loss, at every step of the climb."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import grad_and_value

from lepton.adversarial.machinery.lengths import at_most, of_length
from lepton.adversarial.machinery.vectors import Vectors
from lepton.attack.rows import Change
from lepton.errors import ConfigError
from lepton.method import Batch, Method
from lepton.randomness.draw import Draw
from lepton.spec import DataSpec
from lepton.task import Task
from lepton.values.bounds import AtLeast1, NotBelow0


class FreeLB(Method):
    """Puts the mean loss over a climb's steps in the place of the loss of the rows.

    It begins anywhere near a row, and stays within `epsilon` of it. In each pass dropout draws
    other masks, where the paper keeps them.
    Units: epsilon is the length of a row's whole change, in standard deviations of the embeddings;
        step a share of it. The paper's lengths are those of RoBERTa's embeddings as they are.
    Source: Zhu et al. 2020, https://arxiv.org/abs/1909.11764, algorithm 1
    """

    replayable = True
    stackable = ("epsilon", "step")

    def __init__(
        self,
        *,
        epsilon: NotBelow0,
        step: NotBelow0,
        steps: AtLeast1,
        at: Literal["embeddings", "features"],
    ):
        if epsilon < 0 or step < 0:
            raise ConfigError(
                f"adversarial.freelb: epsilon={epsilon}, step={step}; neither may be negative"
            )
        self.epsilon, self.step, self.steps = epsilon, step, steps
        self.vectors = Vectors(at)

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        self.vectors.require("freelb", model)
        return model

    def loss(
        self, model: nn.Module, task: Task, batch: Batch, loss: Tensor, logits: Tensor, draw: Draw
    ) -> Tensor:
        values = self.vectors.values(model, batch)
        units = self.vectors.units(model, values)

        def loss_at(change: Change) -> Tensor:
            moved = {name: units[name] * delta for name, delta in change.items()}
            return task.loss_of(self.vectors.logits(model, task, batch, moved), batch)

        change, total = self._start(values, batch, draw), loss.new_zeros(())
        for _ in range(self.steps - 1):
            slope, value = grad_and_value(loss_at)(change)
            total = total + value
            climb = of_length({n: g.detach() for n, g in slope.items()}, self.step * self.epsilon)
            change = at_most({n: change[n] + climb[n] for n in change}, self.epsilon)
        total = total + loss_at(change)
        return loss + total / self.steps - task.loss_of(logits, batch)

    def _start(self, values: Change, batch: Batch, draw: Draw) -> Change:
        """A change about as long as epsilon at most, the same whatever the number of tokens."""
        own, start, count = draw.each(batch["id"]), {}, torch.zeros(len(batch["id"]))
        for name, value in values.items():
            counts = self.vectors.own(value, batch).to(value.dtype)
            start[name] = (2 * own.uniform(value.shape[1:]).to(value.dtype) - 1) * counts
            count = count.to(value) + counts.flatten(1).sum(1) * (
                value[0].numel() / counts[0].numel()
            )
        return {
            name: self.epsilon
            * delta
            / count.clamp_min(1).sqrt().reshape(-1, *[1] * (delta.ndim - 1))
            for name, delta in start.items()
        }
