"""WeightDecay: decay outside the loss, for any optimizer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import torch
from torch import nn
from torch.optim import Optimizer

from lepton.compat.torch import scale_all_
from lepton.errors import ConfigError
from lepton.method import Method, StackedMethod
from lepton.values.bounds import NotBelow0

if TYPE_CHECKING:
    from lepton.vectorize.stack import Stack


class WeightDecay(Method):
    """Shrinks the decayed weights by lr * rate before every step, whatever the optimizer does.

    Source: Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101, in AdamW's form
    """

    stackable = ("rate",)

    def __init__(self, *, rate: NotBelow0):
        if rate < 0:
            raise ConfigError(f"regularization.weight_decay.rate: {rate} is negative; 0 is none")
        self.rate = rate

    @torch.no_grad()
    def before_step(self, model: nn.Module, optimizer: Optimizer) -> None:
        for group in optimizer.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if group["decay"] and parameters:
                scale_all_(parameters, 1 - group["lr"] * self.rate)

    @classmethod
    def stacked(cls, members: Sequence[Self]) -> StackedMethod:
        return StackedWeightDecay(members)


class StackedWeightDecay(StackedMethod):
    """Decays the weights of all members of a stack, each by its own rate."""

    def before_step(self, stack: "Stack") -> None:
        lr = stack.hyper["lr"]
        factor = 1 - lr * self.column("rate", lr)
        for value, decayed in zip(stack.weights.values, stack.weights.decayed, strict=True):
            if decayed:
                value *= factor.to(value.dtype)
