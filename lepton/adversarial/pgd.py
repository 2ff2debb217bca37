"""PGD: learns from rows that several steps up the slope have moved."""

from typing import Any

from torch import Tensor, nn

from lepton.adversarial.machinery.moved_rows import MovedRows, batch_loss
from lepton.adversarial.machinery.passes import in_mode
from lepton.attack.gradient_steps import pgd
from lepton.errors import ConfigError
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.task import Task
from lepton.values.bounds import AtLeast1, NotBelow0


class PGD(MovedRows):
    """Puts rows in the place of those of a batch, moved by `steps` from a random start.

    Units: step is a share of epsilon.
    Source: Madry et al. 2018, https://arxiv.org/abs/1706.06083
    """

    option = "pgd"
    replayable = True
    stackable = ("epsilon", "step")

    def __init__(self, *, steps: AtLeast1, step: NotBelow0, **settings: Any):
        super().__init__(**settings)
        if step < 0:
            raise ConfigError(f"adversarial.pgd.step: {step} is negative")
        self.steps, self.step = steps, step

    def on_batch(
        self, batch: Batch, draw: Draw, model: nn.Module, task: Task, progress: Tensor
    ) -> Batch:
        if "features" in batch:
            return batch
        around = self.around(model, batch, progress)
        settings = {"steps": self.steps, "step": self.step * around.epsilon}
        with in_mode(model, self.mode):
            start = around.random(draw)
            return around.moved(pgd(batch_loss(model, task), around, start=start, **settings))
