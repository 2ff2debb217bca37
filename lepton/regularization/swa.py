"""SWA: the plain average of the weights at the ends of the last epochs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn

from lepton.compat.lightning import pl
from lepton.compat.torch import move_all_towards_
from lepton.errors import ConfigError
from lepton.method import StackedMethod
from lepton.regularization.batch_statistics import keeps_statistics, learn_statistics
from lepton.regularization.weight_average import WeightAverage
from lepton.spec import DataSpec
from lepton.values.bounds import From0Below1

if TYPE_CHECKING:
    from lepton.vectorize.stack import Stack


class SWA(WeightAverage):
    """Averages the weights of the epochs after a share of the training; these are validated.

    Statistics of BatchNorm are then learned anew, by a pass through the training rows an epoch.
    Source: Izmailov et al. 2018, https://arxiv.org/abs/1803.05407
    """

    stackable = ("after",)
    needs_last_epochs = True

    def __init__(self, *, after: From0Below1):
        super().__init__()
        if not 0 <= after < 1:
            raise ConfigError(f"regularization.swa.after: {after} is not a share in [0, 1)")
        self.after = after
        self.own_buffers: list[tuple[Tensor, Tensor]] = []  # and their values in training

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        if keeps_statistics(model):
            self.alone = "learns statistics of BatchNorm anew, from each run's own batches"
        return model

    def start(self, model: nn.Module) -> None:
        if self.steps:
            super().start(model)

    def averages(self, epoch: int, epochs: int) -> bool:
        """True where the weights after this epoch, of so many, are part of the average."""
        return epoch >= int(self.after * epochs)

    @torch.no_grad()
    def end_epoch(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert trainer.max_epochs is not None
        if not self.averages(trainer.current_epoch, trainer.max_epochs):
            return
        model = module.get_submodule("model")
        self.steps += 1
        super().start(model)
        move_all_towards_(list(self.average.values()), self.parameters, 1 / self.steps)
        if keeps_statistics(model):
            self.own_buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
            self.swap_in()
            learn_statistics(trainer, module, model)
            super().swap_out()

    @torch.no_grad()
    def swap_out(self) -> None:
        super().swap_out()
        for buffer, value in self.own_buffers:
            buffer.copy_(value)
        self.own_buffers = []

    @classmethod
    def stacked(cls, members: Sequence[Self]) -> StackedMethod:
        return StackedSWA(members)


class StackedSWA(StackedMethod):
    """The averages of all members, each of its own epochs; before these, the trained weights."""

    members: list[SWA]

    def __init__(self, members: Sequence[SWA]):
        super().__init__(members)
        self.average: list[Tensor] = []
        self.counts = torch.zeros(len(members), 1)  # of what is averaged

    @torch.no_grad()
    def weights(self, stack: "Stack") -> list[Tensor] | None:
        values = stack.weights.values
        self.average = self.average or stack.weights.copy()
        lengths = [member.job.config["trainer"]["max_epochs"] for member in stack.members]
        averages = [
            method.averages(stack.epoch, epochs)
            for method, epochs in zip(self.members, lengths, strict=True)
        ]
        self.counts = self.counts.to(values[0]) + values[0].new_tensor(averages)[:, None]
        share = 1 / self.counts.clamp_min(1)
        for average, value in zip(self.average, values, strict=True):
            average.lerp_(value, share)
        return self.average

    def tensors(self) -> dict[str, Tensor]:
        averages = {f"{i}": average for i, average in enumerate(self.average)}
        return averages | {"counts": self.counts}

    def put(self, tensors: dict[str, Tensor]) -> None:
        self.counts = tensors["counts"]
        self.average = [tensors[f"{i}"] for i in range(len(tensors) - 1)]
