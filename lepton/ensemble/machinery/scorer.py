"""Scores predictions by the metric that an ensemble's members are chosen by."""

from dataclasses import dataclass, replace

from torch import Tensor

from lepton.errors import ConfigError
from lepton.task.base import Task


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores predictions of certain rows by the monitored metric of a task; larger is better.

    Shapes: weight (rows,) of these rows; None where all count alike.
    """

    scored_task: Task
    weight: Tensor | None = None

    @property
    def task(self) -> str:
        """The name of the task."""
        return self.scored_task.name

    @property
    def metric(self) -> str:
        """The name of the metric."""
        return self.scored_task.monitor

    def rows(self, mask: Tensor) -> "Scorer":
        """Scores these rows alone. Shapes: mask (rows,)."""
        return self if self.weight is None else replace(self, weight=self.weight[mask])

    def __call__(self, prediction: Tensor, target: Tensor) -> float:
        """Raises: ConfigError for other rows than those whose weights it has."""
        weight = [] if self.weight is None else [self.weight]
        if weight and len(target) != len(weight[0]):
            raise ConfigError(
                f"method: scores {len(target)} rows by weights of {len(weight[0])}; for some "
                "of the rows take validation.rows(mask) and its scorer"
            )
        return self.scored_task.as_score(
            self.scored_task.monitored([(prediction, target, *weight)])
        )
