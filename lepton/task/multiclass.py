"""Multiclass: one of several classes."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lepton.storage.predictions import PredictionColumns
from lepton.task.class_task import ClassTask


class Multiclass(ClassTask):
    """One logit a class; targets are class numbers, or a probability for each class."""

    replayable = True

    name = "multiclass"

    @property
    def columns(self) -> PredictionColumns:
        return PredictionColumns([f"p_{name}" for name in self.spec.classes], "target")

    def _loss(self, logits: Tensor, encoded: Tensor) -> Tensor:
        weights = None if self.weights is None else self.weights_like(logits)[:, 1]
        if not encoded.is_floating_point():
            return F.cross_entropy(logits, encoded, weight=weights)
        encoded = encoded.to(logits.dtype)
        if weights is None:
            return F.cross_entropy(logits, encoded)
        encoded = encoded * weights
        return -(encoded * logits.log_softmax(-1)).sum() / encoded.sum()

    def _row_losses(self, logits: Tensor, encoded: Tensor) -> Tensor:
        weights = None if self.weights is None else self.weights_like(logits)[:, 1]
        _, encoded = self._as_row_loss_takes(logits, encoded)
        return F.cross_entropy(logits, encoded, weight=weights, reduction="none")

    def _as_row_loss_takes(self, logits: Tensor, encoded: Tensor) -> tuple[Tensor, Tensor]:
        return logits, encoded.to(logits.dtype) if encoded.is_floating_point() else encoded

    def _row_weights(self, logits: Tensor, encoded: Tensor) -> Tensor:
        weights = self.weights_like(logits)[:, 1]
        return encoded @ weights if encoded.is_floating_point() else weights[encoded]

    def _predict(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)

    def _weighted_mean(self, target: Tensor, weight: Tensor) -> Tensor:
        return torch.bincount(target, weights=weight, minlength=self.outputs) / weight.sum()

    def _constant(self, counts: Tensor) -> Tensor:
        return counts / counts.sum()

    def estimator_weights(self) -> Tensor | None:
        return None if self.weights is None else self.weights[:, 1]
