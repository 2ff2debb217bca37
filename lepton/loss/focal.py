"""Focal: rows that are right already count less."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lepton.loss.loss import Loss
from lepton.values.bounds import NotBelow0


class Focal(Loss):
    """Cross-entropy times (1 - p) ** gamma, where p is the probability of the true class.

    Of a soft target it is the mean over the classes that it gives a probability to. The alpha of
    the paper is a weight of classes, as `task.class_weights` are.
    Source: Lin et al. 2017, https://arxiv.org/abs/1708.02002
    """

    possible = ("binary", "multiclass", "multilabel")
    replayable = True
    stackable = ("gamma",)

    def __init__(self, *, task: str, gamma: NotBelow0):
        """Raises: ValueError for a negative gamma."""
        if gamma < 0:
            raise ValueError(f"gamma: {gamma} is negative")
        self.task, self.gamma = task, gamma

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.task != "multiclass":
            absent, present = F.softplus(logits), F.softplus(-logits)  # -log(1 - p) and -log(p)
            is_present = target * torch.exp(-self.gamma * absent) * present
            return is_present + (1 - target) * torch.exp(-self.gamma * present) * absent
        log_p = logits.log_softmax(-1)
        of_classes = -((1 - log_p.exp()).clamp(min=_smallest(log_p)) ** self.gamma) * log_p
        if target.is_floating_point():
            return (target * of_classes).sum(-1)
        return of_classes.gather(-1, target[:, None]).squeeze(-1)


def _smallest(values: Tensor) -> float:
    """A positive number below which 1 - p is rounding alone, and a power has no finite gradient."""
    return torch.finfo(values.dtype).eps
