"""Weight decay outside the loss, for any optimizer."""

import torch
from torch import nn
from torch.optim import Optimizer

from lepton.compat.torch import scale_all_
from lepton.errors import ConfigError
from lepton.method import Method, StackedMethod


class WeightDecay(Method):
    """Shrinks the decayed weights by lr * rate before every step, whatever the optimizer does.

    Source: Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101, in AdamW's form
    """

    stackable = ("rate",)

    def __init__(self, *, rate: float):
        if rate < 0:
            raise ConfigError(f"regularization.weight_decay.rate: {rate} is negative; 0 is none")
        self.rate = rate

    @torch.no_grad()
    def before_step(self, model: nn.Module, optimizer: Optimizer) -> None:
        for group in optimizer.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            if group["decay"] and moving:
                scale_all_(moving, 1 - group["lr"] * self.rate)

    @classmethod
    def stacked(cls, members) -> StackedMethod:
        return StackedDecay(members)


class StackedDecay(StackedMethod):
    """The same for a stack."""

    def before_step(self, stack) -> None:
        lr = stack.hyper["lr"]
        left = 1 - lr * self.column("rate", lr)
        for value, decayed in zip(stack.weights.values, stack.weights.decayed, strict=True):
            if decayed:
                value *= left.to(value.dtype)
