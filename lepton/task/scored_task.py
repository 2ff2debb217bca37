"""The base of the tasks whose metrics are those of lepton's table, from all predictions."""

from typing import Any

import torch
from torch import Tensor

from lepton.loss.loss import Loss
from lepton.metric.direction import LARGER_IS_BETTER
from lepton.metric.scoring import METRICS, score
from lepton.spec import DataSpec
from lepton.task.base import Task


class ScoredTask(Task):
    """A task that `lepton.evaluate.score` knows by its name."""

    constant_logits: Tensor | None = None  # of a loss that asks for others than the task
    constant_mean: Tensor | None = None  # of targets by the weights of rows, where they have some

    def __init__(self, spec: DataSpec, **settings: Any) -> None:
        self.metrics = {name: LARGER_IS_BETTER[name] for name in METRICS[self.name]}
        super().__init__(spec, **settings)
        if loss := settings.get("loss"):
            logits = torch.full((self.outputs + 1, self.outputs), 2.0)  # no two sizes are the same
            encoded = torch.zeros(logits.shape if self.name == "multilabel" else len(logits))
            encoded = encoded.long() if self.name == "multiclass" else encoded
            loss.try_on(self.row_loss, *self._as_row_loss_takes(logits, encoded))

    def _target_problems(self) -> list[str]:
        if self.spec.target_names and self.spec.task != self.name:
            return [
                f"task: {type(self).__name__} is for a {self.name} target; this is {self.spec.task}"
            ]
        return super()._target_problems()

    def _score(
        self, prediction: Tensor, truth: Tensor, names: list[str], weight: Tensor | None = None
    ) -> dict[str, float]:
        options = {"only": names, "calibration_bins": self.calibration_bins, "weight": weight}
        return score(prediction, truth, task=self.name, **options)

    def learn_constant(self, target: Tensor, weight: Tensor | None = None) -> None:
        if weight is not None:
            self.constant_mean = self._weighted_mean(target, weight.double())
        if isinstance(self.row_loss, Loss):
            self.constant_logits = self.row_loss.constant(self.encode(target))

    def constant(self, n: int) -> Tensor:
        """`n` predictions from the training split's class shares or mean, without any feature.

        After `learn_constant` those that the loss calls the best, or by the weights of rows.
        """
        counts = torch.tensor(self.spec.class_counts, dtype=torch.get_default_dtype())
        row = self._constant(counts)
        if self.constant_mean is not None:
            row = self.constant_mean.to(row.dtype)
        if self.constant_logits is not None:
            row = self.predict(self.constant_logits[None])[0].to(row.dtype)
        return row.repeat(n, *[1] * row.ndim)

    def _constant(self, counts: Tensor) -> Tensor:
        raise NotImplementedError

    def _weighted_mean(self, target: Tensor, weight: Tensor) -> Tensor:
        """The mean target, or the share of each class, by weights. Shapes: (N,) or (N, labels)."""
        return weight @ target.double() / weight.sum()
