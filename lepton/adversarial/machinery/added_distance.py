"""AddedDistance: the base of methods that add how far predictions go when rows are moved."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from lepton.adversarial.machinery.moved_rows import MovedRows
from lepton.adversarial.machinery.passes import in_mode
from lepton.attack.gradient_steps import pgd
from lepton.attack.neighbourhood import RowLosses
from lepton.errors import ConfigError
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.task import Task
from lepton.values.bounds import AtLeast1, NotBelow0


class AddedDistance(MovedRows, ABC):
    """Moves rows by `steps` from a start nearby; a derived class says up what, and what it adds.

    Units: step is a share of epsilon.
    """

    stackable = ("epsilon", "step", "beta")

    def __init__(self, *, beta: NotBelow0, steps: AtLeast1, step: NotBelow0, **settings: Any):
        super().__init__(**settings)
        if beta < 0 or step < 0:
            raise ConfigError(
                f"adversarial.{self.option}: beta={beta}, step={step}; neither may be negative"
            )
        self.beta, self.steps, self.step = beta, steps, step

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
        start, step = self.nearby(around, draw), self.step * around.epsilon
        with in_mode(model, self.mode):
            losses = self.climbed(model, task, batch, logits)
            change = pgd(losses, around, start=start, steps=self.steps, step=step)
        moved = task.forward(model, around.moved(change))
        return self.combined(task, batch, loss, logits, moved)

    @abstractmethod
    def climbed(self, model: nn.Module, task: Task, batch: Batch, logits: Tensor) -> RowLosses:
        """What rows are moved to raise; `logits` are those of the batch as it is."""

    @abstractmethod
    def combined(
        self, task: Task, batch: Batch, loss: Tensor, logits: Tensor, moved: Tensor
    ) -> Tensor:
        """The loss that is learned from; `moved` are the logits of the moved rows."""
