"""Multilabel: any number of labels at once."""

from typing import Any

import numpy as np
from torch import Tensor

from lepton.decision.rule import DecisionRule
from lepton.storage.predictions import PredictionColumns
from lepton.task.class_task import ClassTask


class Multilabel(ClassTask):
    """One logit a label; targets are a probability for each label."""

    replayable = True

    name, class_noun = "multilabel", "label"
    threshold = 0.5

    @property
    def columns(self) -> PredictionColumns:
        labels = self.spec.classes
        return PredictionColumns(
            [f"p_{name}" for name in labels], [f"target_{name}" for name in labels]
        )

    @property
    def class_values(self) -> np.ndarray:
        return np.array(self.spec.classes, dtype=object)

    def decide(self, prediction: Tensor, rule: DecisionRule | None = None) -> dict[str, Any]:
        p = prediction.numpy()
        decided = p > self.threshold if rule is None else rule.decide(p)
        return dict(zip(self.spec.classes, decided.T, strict=True))

    def answers(self, prediction: Tensor, rule: DecisionRule | None = None) -> dict[str, Any]:
        decided = self.decide(prediction, rule)
        of_each = zip(self.spec.classes, prediction.T.numpy(), strict=True)
        return {f"predicted_{name}": values for name, values in decided.items()} | {
            f"p_{name}": values for name, values in of_each
        }

    def _loss(self, logits: Tensor, encoded: Tensor) -> Tensor:
        return self._binary_loss(logits, encoded.to(logits.dtype))

    def _row_losses(self, logits: Tensor, encoded: Tensor) -> Tensor:
        return self._binary_losses(logits, encoded.to(logits.dtype))

    def _as_row_loss_takes(self, logits: Tensor, encoded: Tensor) -> tuple[Tensor, Tensor]:
        return logits, encoded.to(logits.dtype)

    def _row_weights(self, logits: Tensor, encoded: Tensor) -> Tensor:
        absent, present = self.weights_like(logits).unbind(-1)
        return absent * (1 - encoded) + present * encoded

    def _predict(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()

    def _constant(self, counts: Tensor) -> Tensor:
        return counts / self.spec.train_rows

    def _output_weights(self) -> list[tuple[float, float]]:
        """A listed weight is of a label's presence, against 1; a balanced one of two classes."""
        if isinstance(self.class_weights, list):
            return super()._output_weights()
        n, counts = self.spec.train_rows, [max(count, 1) for count in self.spec.class_counts]
        return [(n / (2 * max(n - count, 1)), n / (2 * count)) for count in counts]

    def estimator_weights(self) -> Tensor | None:
        return None if self.weights is None else self.weights[:, 1] / self.weights[:, 0]
