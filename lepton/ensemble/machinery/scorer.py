"""Scores predictions by the metric that an ensemble's members are chosen by."""

from dataclasses import dataclass

from torch import Tensor

from lepton.task.base import Task


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores predictions by the monitored metric of a task; larger is better."""

    scored_task: Task

    @property
    def task(self) -> str:
        """The name of the task."""
        return self.scored_task.name

    @property
    def metric(self) -> str:
        """The name of the metric."""
        return self.scored_task.monitor

    def __call__(self, prediction: Tensor, target: Tensor) -> float:
        return self.scored_task.as_score(self.scored_task.monitored([(prediction, target)]))
