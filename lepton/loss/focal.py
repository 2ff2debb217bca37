"""Focal: rows that are right already count less."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lepton.loss.class_loss import ClassLoss
from lepton.values.bounds import NotBelow0


class Focal(ClassLoss):
    """Cross-entropy times (1 - p) ** gamma, where p is the probability of the true class.

    The alpha of the paper is a weight of classes, as `task.class_weights` are.
    Source: Lin et al. 2017, https://arxiv.org/abs/1708.02002
    """

    replayable = True
    stackable = ("gamma",)

    def __init__(self, *, task: str, gamma: NotBelow0):
        """Raises: ValueError for a negative gamma."""
        super().__init__(task=task)
        if gamma < 0:
            raise ValueError(f"gamma: {gamma} is negative")
        self.gamma = gamma

    def of_class(self, log_p: Tensor) -> Tensor:
        return -((1 - log_p.exp()).clamp(min=_smallest(log_p)) ** self.gamma) * log_p

    def of_labels(self, logits: Tensor, target: Tensor) -> Tensor:
        absent, present = F.softplus(logits), F.softplus(-logits)  # -log(1 - p) and -log(p)
        is_present = target * torch.exp(-self.gamma * absent) * present
        return is_present + (1 - target) * torch.exp(-self.gamma * present) * absent


def _smallest(values: Tensor) -> float:
    """A positive number below which 1 - p is rounding alone, and a power has no finite gradient."""
    return torch.finfo(values.dtype).eps
