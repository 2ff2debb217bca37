"""Regression: a quantity."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lepton.task.scored_task import ScoredTask


class Regression(ScoredTask):
    """One value, learned in standard deviations from the training split's mean.

    Where 32 bits would lose digits beside that mean, it is taken off and added in 64.
    """

    replayable = True

    name = "regression"

    @property
    def scale(self) -> float:
        """The standard deviation that targets are divided by."""
        return self.spec.target_std or 1.0  # a constant target has no spread to divide by

    def encode(self, target: Tensor) -> Tensor:
        return (target - self.spec.target_mean) / self.scale

    def _loss(self, logits: Tensor, encoded: Tensor) -> Tensor:
        return F.mse_loss(logits.squeeze(-1), encoded.to(logits.dtype))

    def _row_losses(self, logits: Tensor, encoded: Tensor) -> Tensor:
        return F.mse_loss(logits.squeeze(-1), encoded.to(logits.dtype), reduction="none")

    def _as_row_loss_takes(self, logits: Tensor, encoded: Tensor) -> tuple[Tensor, Tensor]:
        return logits.squeeze(-1), encoded.to(logits.dtype)

    def _predict(self, logits: Tensor) -> Tensor:
        values = logits.squeeze(-1)
        values = values.double() if self.spec.is_target_far else values
        return values * self.scale + self.spec.target_mean

    def _constant(self, counts: Tensor) -> Tensor:
        dtype = torch.float64 if self.spec.is_target_far else counts.dtype
        return torch.tensor(self.spec.target_mean, dtype=dtype)
