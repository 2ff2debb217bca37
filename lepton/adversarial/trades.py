"""TRADES: predictions of moved rows shall stay near those of the rows, beside the usual loss."""

import torch
from torch import Tensor, nn

from lepton.adversarial.machinery.added_distance import AddedDistance
from lepton.adversarial.machinery.divergence import divergence_of
from lepton.adversarial.machinery.passes import logits_apart
from lepton.attack.neighbourhood import RowLosses
from lepton.method import Batch
from lepton.regularization.outputs import mean_of_rows
from lepton.spec import DataSpec
from lepton.task import Task


class TRADES(AddedDistance):
    """Adds beta times the divergence of moved rows' predictions from those of the rows.

    Rows move to where that is large, whatever their target.
    Source: Zhang et al. 2019, https://arxiv.org/abs/1901.08573
    """

    option = "trades"
    replayable = True

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        self.divergence = divergence_of("trades", spec)
        return super().prepare(model, spec)

    def climbed(self, model: nn.Module, task: Task, batch: Batch, logits: Tensor) -> RowLosses:
        with torch.no_grad():
            usual = logits if self.mode == "train" else logits_apart(model, task, batch)
        usual = usual.detach()

        def distances(moved: Batch) -> Tensor:
            return self.divergence(usual, logits_apart(model, task, moved))

        return distances

    def combined(
        self, task: Task, batch: Batch, loss: Tensor, logits: Tensor, moved: Tensor
    ) -> Tensor:
        return loss + self.beta * mean_of_rows(self.divergence(logits, moved), batch)
