"""GeneralizedCrossEntropy: rows whose label looks wrong pull less, for labels with mistakes."""

import torch
from torch import Tensor

from lepton.loss.class_loss import ClassLoss
from lepton.values.bounds import Above0To1


class GeneralizedCrossEntropy(ClassLoss):
    """(1 - p ** q) / q, where p is the probability of the true class.

    It lies between cross-entropy, where q goes to 0, and the mean absolute error.
    Source: Zhang and Sabuncu 2018, https://arxiv.org/abs/1805.07836
    """

    replayable = True
    stackable = ("q",)

    def __init__(self, *, task: str, q: Above0To1):
        """Raises: ValueError for a q that is not above 0 and 1 at most."""
        super().__init__(task=task)
        if not 0 < q <= 1:
            raise ValueError(f"q: {q} is not above 0, 1 at most")
        self.q = q

    def of_class(self, log_p: Tensor) -> Tensor:
        return -torch.expm1(self.q * log_p) / self.q
