"""Scores predictions by the metric that an ensemble's members are chosen by."""

from dataclasses import dataclass

from torch import Tensor

from lepton.metric.direction import as_score
from lepton.metric.scoring import monitor_value


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores predictions by one metric of a task; larger is better."""

    task: str
    metric: str

    def __call__(self, prediction: Tensor, target: Tensor) -> float:
        value = monitor_value(prediction, target, task=self.task, metric=self.metric)
        return as_score(value, self.metric)
