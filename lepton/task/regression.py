"""Regression: a quantity."""

from torch import Tensor
from torch.nn import functional as F

from lepton.task.scored_task import ScoredTask


class Regression(ScoredTask):
    """One value, learned in standard deviations from the training split's mean."""

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

    def _as_row_loss_takes(self, logits: Tensor, encoded: Tensor) -> tuple[Tensor, Tensor]:
        return logits.squeeze(-1), encoded.to(logits.dtype)

    def _predict(self, logits: Tensor) -> Tensor:
        return logits.squeeze(-1) * self.scale + self.spec.target_mean

    def _constant(self, counts: Tensor) -> Tensor:
        return counts.new_tensor(self.spec.target_mean)
