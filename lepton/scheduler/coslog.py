"""Coslog schedule: cosines whose periods double over the training."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from lepton.values.bounds import AtLeast1


def factor(step: int, total: int, cycles: int) -> float:
    """The share of the learning rate at a step, from 0 to 1; it is 0 from the last step on."""
    progress = min(step / max(total, 1), 1.0)
    return 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + (2**cycles - 1) * progress)))


def coslog(*, optimizer: Optimizer, total_steps: int, cycles: AtLeast1) -> LambdaLR:
    """The schedule over all steps of a training, which begins and ends at 0.

    Source: Holzmüller et al. 2024, https://arxiv.org/abs/2407.04491
    """
    return LambdaLR(optimizer, lambda step: factor(step, total_steps, cycles))
