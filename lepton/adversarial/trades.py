"""TRADES: predictions of moved rows shall stay near those of the rows, beside the usual loss."""

from typing import Any

import torch
from torch import Tensor, nn

from lepton.adversarial.machinery.divergence import divergence_of
from lepton.adversarial.machinery.moved_rows import MovedRows
from lepton.adversarial.machinery.passes import in_mode, logits_apart
from lepton.attack.gradient_steps import pgd
from lepton.errors import ConfigError
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.regularization.outputs import mean_of_rows
from lepton.spec import DataSpec
from lepton.task import Task
from lepton.values.bounds import AtLeast1, NotBelow0


class TRADES(MovedRows):
    """Adds beta times the divergence of moved rows' predictions from those of the rows.

    Rows move to where that is large, whatever their target.
    Units: step is a share of epsilon.
    Source: Zhang et al. 2019, https://arxiv.org/abs/1901.08573
    """

    option = "trades"
    replayable = True
    stackable = ("epsilon", "step", "beta")

    def __init__(self, *, beta: NotBelow0, steps: AtLeast1, step: NotBelow0, **settings: Any):
        super().__init__(**settings)
        if beta < 0 or step < 0:
            raise ConfigError(
                f"adversarial.trades: beta={beta}, step={step}; neither may be negative"
            )
        self.beta, self.steps, self.step = beta, steps, step

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        self.divergence = divergence_of("trades", spec)
        return super().prepare(model, spec)

    def loss(
        self,
        model: nn.Module,
        task: Task,
        batch: Batch,
        loss: Tensor,
        logits: Tensor,
        draw: Draw,
        progress: Tensor,
    ) -> Tensor:
        if "features" in batch:
            return loss
        around = self.around(model, batch, progress)
        with in_mode(model, self.mode):
            with torch.no_grad():
                usual = logits if self.mode == "train" else logits_apart(model, task, batch)
            usual = usual.detach()

            def distances(moved: Batch) -> Tensor:
                return self.divergence(usual, logits_apart(model, task, moved))

            start, step = self.nearby(around, draw), self.step * around.epsilon
            change = pgd(distances, around, start=start, steps=self.steps, step=step)
        moved = task.forward(model, around.moved(change))
        return loss + self.beta * mean_of_rows(self.divergence(logits, moved), batch)
