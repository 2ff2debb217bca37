"""MART: learns from moved rows, most from those that the network mistakes as they are."""

import torch
from torch import Tensor, nn

from lepton.adversarial.machinery.added_distance import AddedDistance
from lepton.adversarial.machinery.moved_rows import batch_loss
from lepton.attack.neighbourhood import RowLosses
from lepton.errors import ConfigError
from lepton.loss.weighted_mean import at_least_32_bits
from lepton.method import Batch
from lepton.regularization.outputs import mean_of_rows
from lepton.spec import DataSpec
from lepton.task import Task
from lepton.task.soft_targets import as_probabilities

TINY = 1e-4  # of what the other classes leave; as the authors' code has it


class MART(AddedDistance):
    """Puts the boosted cross-entropy of moved rows in the place of the loss, and adds beta times
    how far their predictions went, each row by the chance that the network gives it wrongly.

    The boosted loss also counts how likely the most likely other class is.
    Source: Wang et al. 2020, https://openreview.net/forum?id=rklOg6EFwS
    """

    option = "mart"
    replayable = True

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        if spec.task != "multiclass":
            raise ConfigError(
                f"adversarial.mart, task: it needs one of several classes, and the target is "
                f"{spec.task}; adversarial=trades takes every task"
            )
        self.classes = spec.outputs
        return super().prepare(model, spec)

    def climbed(self, model: nn.Module, task: Task, batch: Batch, logits: Tensor) -> RowLosses:
        return batch_loss(model, task)

    def combined(
        self, task: Task, batch: Batch, loss: Tensor, logits: Tensor, moved: Tensor
    ) -> Tensor:
        change_of_loss = task.loss_of(moved, batch) - task.loss_of(logits, batch)
        return loss + change_of_loss + mean_of_rows(self._beside(logits, moved, batch), batch)

    def _beside(self, logits: Tensor, moved: Tensor, batch: Batch) -> Tensor:
        """What counts of each row beside the cross-entropy of the moved one. Shapes: -> (B,)."""
        target = as_probabilities(batch["target"], self.classes)
        if logits.ndim > target.ndim:
            target = target[:, None]
        natural, attacked = (at_least_32_bits(said).log_softmax(-1) for said in (logits, moved))
        is_own = target >= target.amax(-1, keepdim=True)
        others = torch.where(is_own, 0, attacked.exp()).amax(-1)
        boost = -(1 - others).clamp_min(TINY).log()
        p = natural.exp()
        mistaken = 1 - (p * target).sum(-1)
        terms = boost + self.beta * (p * (natural - attacked)).sum(-1) * mistaken
        return terms if terms.ndim == 1 else terms.mean(1)
