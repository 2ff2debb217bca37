"""Inverse square root schedule: a linear warm-up, then a fall with the root of the step."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from lepton.scheduler.warmup import warmup_steps
from lepton.values.bounds import NotBelow0


def factor(step: int, warmup: int) -> float:
    """The share of the learning rate at a step; `warmup` in steps, where it is 1."""
    if step < warmup:
        return step / warmup
    return math.sqrt(max(warmup, 1) / max(step, 1))


def inverse_sqrt(*, optimizer: Optimizer, total_steps: int, warmup: NotBelow0) -> LambdaLR:
    """The schedule; `warmup` is a share of all steps below 1, else a number of steps.

    Source: Vaswani et al. 2017, section 5.3, https://arxiv.org/abs/1706.03762.
    """
    warmup_end = warmup_steps(warmup, total_steps)
    return LambdaLR(optimizer, lambda step: factor(step, warmup_end))
