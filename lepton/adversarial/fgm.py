"""FGM: also learns from rows whose embeddings are moved the way that the loss grows most."""

from typing import Literal

import torch
from torch import Tensor, nn

from lepton.adversarial.machinery.lengths import of_length
from lepton.adversarial.machinery.passes import Mode, in_mode, slope
from lepton.adversarial.machinery.vectors import Vectors
from lepton.attack.rows import Change
from lepton.errors import ConfigError
from lepton.method import Batch, Method
from lepton.spec import DataSpec
from lepton.task import Task
from lepton.values.bounds import NotBelow0


class FGM(Method):
    """Adds the loss of rows whose vectors are a step of length `epsilon` up the slope.

    Units: epsilon is the length of a row's whole change, in standard deviations of the embeddings,
        which the paper scales to 1.
    Source: Miyato et al. 2017, https://arxiv.org/abs/1605.07725
    """

    replayable = True
    stackable = ("epsilon", "alpha")

    def __init__(
        self,
        *,
        epsilon: NotBelow0,
        alpha: NotBelow0,
        at: Literal["embeddings", "features"],
        mode: Literal["train", "eval"],
    ):
        if epsilon < 0 or alpha < 0:
            raise ConfigError(
                f"adversarial.fgm: epsilon={epsilon}, alpha={alpha}; neither may be negative"
            )
        self.epsilon, self.alpha = epsilon, alpha
        self.mode: Mode = mode
        self.vectors = Vectors(at)

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        self.vectors.require("fgm", model)
        return model

    def loss(self, model: nn.Module, task: Task, batch: Batch, loss: Tensor):
        values = self.vectors.values(model, batch)
        units = self.vectors.units(model, values)

        def loss_at(change: Change) -> Tensor:
            moved = {name: units[name] * delta for name, delta in change.items()}
            output = self.vectors.logits(model, task, batch, moved)
            return len(batch["id"]) * task.loss_of(output, batch)

        with in_mode(model, self.mode):
            nothing = {name: torch.zeros_like(value) for name, value in values.items()}
            change = of_length(slope(loss_at, nothing), self.epsilon)
        return loss + self.alpha * loss_at(change) / len(batch["id"])
