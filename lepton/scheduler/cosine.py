"""Cosine schedule: half a cosine from the full learning rate to a share of it."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from lepton.values.bounds import From0To1


def factor(step: int, total: int, final: float) -> float:
    """The share of the learning rate at a step; it is `final` from the last step on."""
    progress = min(step / max(total, 1), 1.0)
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))


def cosine(*, optimizer: Optimizer, total_steps: int, final: From0To1) -> LambdaLR:
    """The schedule over all steps of a training, which ends at the share `final`.

    Source: Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983, without restarts.
    """
    return LambdaLR(optimizer, lambda step: factor(step, total_steps, final))
