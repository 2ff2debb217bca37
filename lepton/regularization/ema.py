"""EMA: an exponential moving average of the weights."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lepton.compat.torch import move_all_towards_
from lepton.errors import ConfigError
from lepton.method import StackedMethod
from lepton.regularization.weight_average import WeightAverage
from lepton.values.bounds import From0Below1

if TYPE_CHECKING:
    from lepton.vectorize.stack import Stack


class EMA(WeightAverage):
    """Averages the weights over steps; validation and the trained model use the average.

    Buffers, as BatchNorm's statistics, are the trained model's own.
    Source: Polyak and Juditsky 1992, https://doi.org/10.1137/0330046; the warm-up of the decay is
        https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage
    """

    stackable = ("decay",)

    def __init__(self, *, decay: From0Below1):
        super().__init__()
        if not 0 <= decay < 1:
            raise ConfigError(f"regularization.ema.decay: {decay} is not in [0, 1)")
        self.decay = decay

    def before_step(self, model: nn.Module, optimizer: Optimizer) -> None:
        if not self.parameters:
            self.start(model)

    @torch.no_grad()
    def after_step(self, model: nn.Module, optimizer: Optimizer) -> None:
        decay = min(self.decay, max_decay(self.steps))
        move_all_towards_(list(self.average.values()), self.parameters, 1 - decay)
        self.steps += 1

    @classmethod
    def stacked(cls, members: Sequence[Self]) -> StackedMethod:
        return StackedEMA(members)


def max_decay(steps: int) -> float:
    """The largest decay after so many steps: it grows, so that the first weights are forgotten."""
    return (1 + steps) / (10 + steps)


class StackedEMA(StackedMethod):
    """The averages of all members."""

    def __init__(self, members: Sequence[EMA]):
        super().__init__(members)
        self.average: list[Tensor] = []

    def before_step(self, stack: "Stack") -> None:
        if not self.average:
            self.average = stack.weights.copy()

    @torch.no_grad()
    def after_step(self, stack: "Stack") -> None:
        values = stack.weights.values
        share = 1 - self.column("decay", values[0]).clamp(max=max_decay(stack.optimizer.steps - 1))
        for average, value in zip(self.average, values, strict=True):
            average.lerp_(value, share)

    def weights(self, stack: "Stack") -> list[Tensor] | None:
        return self.average

    def tensors(self) -> dict[str, Tensor]:
        return {f"{i}": average for i, average in enumerate(self.average)}

    def put(self, tensors: dict[str, Tensor]) -> None:
        self.average = [tensors[f"{i}"] for i in range(len(tensors))]
