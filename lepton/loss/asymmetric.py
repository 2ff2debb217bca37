"""Asymmetric: absent labels that are told easily count less than present ones."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lepton.loss.loss import Loss
from lepton.values.bounds import From0Below1, NotBelow0


class Asymmetric(Loss):
    """Cross-entropy of yes and no, each focused by itself, for labels that most rows lack.

    A present label costs (1 - p) ** gamma_present times -log(p); of an absent one p is first
    lowered by `margin`, to 0 at least, and its power is gamma_absent.
    Source: Ridnik et al. 2021, https://arxiv.org/abs/2009.14119
    """

    possible = ("binary", "multilabel")
    replayable = True
    stackable = ("gamma_present", "gamma_absent", "margin")

    def __init__(self, *, gamma_present: NotBelow0, gamma_absent: NotBelow0, margin: From0Below1):
        """Raises: ValueError for numbers that are out of range."""
        if gamma_present < 0 or gamma_absent < 0:
            raise ValueError(f"gamma_present={gamma_present}, gamma_absent={gamma_absent}: below 0")
        if not 0 <= margin < 1:
            raise ValueError(f"margin: {margin} is not in [0, 1)")
        self.gamma_present, self.gamma_absent, self.margin = gamma_present, gamma_absent, margin

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        log_yes, log_no = F.logsigmoid(logits), F.logsigmoid(-logits)
        margin = torch.as_tensor(self.margin, dtype=logits.dtype, device=logits.device)
        log_absent = torch.logaddexp(log_no, margin.log()).clamp(max=0.0)  # of 1 - p + margin
        smallest = torch.finfo(logits.dtype).eps  # a power of 0 has no finite gradient
        lowered = (-torch.expm1(log_absent)).clamp(min=smallest)
        present = -torch.exp(self.gamma_present * log_no) * log_yes
        absent = -(lowered**self.gamma_absent) * log_absent
        return target * present + (1 - target) * absent
