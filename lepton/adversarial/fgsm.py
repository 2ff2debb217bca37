"""FGSM: learns from rows that one step up the slope has moved, from a random start."""

from typing import Any

from torch import Tensor, nn

from lepton.adversarial.machinery.moved_rows import MovedRows, batch_loss
from lepton.adversarial.machinery.passes import in_mode
from lepton.attack.gradient_steps import ascend
from lepton.errors import ConfigError
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.task import Task
from lepton.values.bounds import NotBelow0


class FGSM(MovedRows):
    """Puts moved rows in the place of those of a batch.

    Units: step is a share of epsilon.
    Source: Wong et al. 2020, https://arxiv.org/abs/2001.03994
    """

    option = "fgsm"
    replayable = True
    stackable = ("epsilon", "step")

    def __init__(self, *, step: NotBelow0, **settings: Any):
        super().__init__(**settings)
        if step < 0:
            raise ConfigError(f"adversarial.fgsm.step: {step} is negative")
        self.step = step

    def on_batch(
        self, batch: Batch, draw: Draw, model: nn.Module, task: Task, progress: Tensor
    ) -> Batch:
        if "features" in batch:
            return batch
        around = self.around(model, batch, progress)
        with in_mode(model, self.mode):
            step = self.step * around.epsilon
            return around.moved(ascend(batch_loss(model, task), around, around.random(draw), step))
