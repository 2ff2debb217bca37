"""Poly1: cross-entropy whose first polynomial term has another weight."""

from torch import Tensor

from lepton.loss.class_loss import ClassLoss
from lepton.values.bounds import NotBelowMinus1


class Poly1(ClassLoss):
    """Cross-entropy plus epsilon * (1 - p), where p is the probability of the true class.

    Source: Leng et al. 2022, https://arxiv.org/abs/2204.12511
    """

    replayable = True
    stackable = ("epsilon",)

    def __init__(self, *, task: str, epsilon: NotBelowMinus1):
        """Raises: ValueError for an epsilon that turns the first term around."""
        super().__init__(task=task)
        if epsilon < -1:
            raise ValueError(f"epsilon: {epsilon} is below -1, where a right answer costs")
        self.epsilon = epsilon

    def of_class(self, log_p: Tensor) -> Tensor:
        return -log_p + self.epsilon * (1 - log_p.exp())
