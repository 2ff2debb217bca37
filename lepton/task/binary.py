"""Binary: one of two classes."""

import torch
from torch import Tensor

from lepton.task.class_task import ClassTask


class Binary(ClassTask):
    """One logit; targets are probabilities of the second class."""

    replayable = True

    name = "binary"
    threshold = 0.5

    def _loss(self, logits: Tensor, encoded: Tensor) -> Tensor:
        return self._binary_loss(logits, encoded[:, None].to(logits.dtype))

    def _row_losses(self, logits: Tensor, encoded: Tensor) -> Tensor:
        return self._binary_losses(logits, encoded[:, None].to(logits.dtype)).squeeze(-1)

    def _as_row_loss_takes(self, logits: Tensor, encoded: Tensor) -> tuple[Tensor, Tensor]:
        return logits.squeeze(-1), encoded.to(logits.dtype)

    def _row_weights(self, logits: Tensor, encoded: Tensor) -> Tensor:
        absent, present = self.weights_like(logits)[0]
        return absent * (1 - encoded) + present * encoded

    def _predict(self, logits: Tensor) -> Tensor:
        return logits.squeeze(-1).sigmoid()

    def probabilities(self, prediction: Tensor) -> Tensor:
        return torch.stack([1 - prediction, prediction], 1)

    def _constant(self, counts: Tensor) -> Tensor:
        return counts[1] / counts.sum()

    def _output_weights(self) -> list[tuple[float, float]]:
        absent, present = self._listed_weights()
        return [(absent, present)]

    def estimator_weights(self) -> Tensor | None:
        return None if self.weights is None else self.weights[0]
