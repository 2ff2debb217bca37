"""TargetGroups: the rows of a data set by what they have as target, for a page."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from torch import Tensor

from lepton.spec import DataSpec

QUARTERS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")
MANY_LEVELS = 4  # quarters of a target that is a number


@dataclass(frozen=True)
class TargetGroups:
    """Classes, labels, or quarters of a number; one group of all rows where a task is of one's own.

    `edges`: of the quarters, taken from train.
    """

    task: str
    names: tuple[str, ...]
    edges: tuple[float, ...] = ()

    @classmethod
    def of(cls, spec: DataSpec, train_target: Tensor) -> "TargetGroups":
        """The groups that a spec and the training target say."""
        if spec.task in ("binary", "multiclass", "multilabel"):
            return cls(spec.task, spec.classes)
        if spec.task != "regression":
            return cls(spec.task, ("all rows",))
        levels = np.linspace(0, 1, MANY_LEVELS + 1)[1:-1]
        edges = tuple(np.quantile(train_target.numpy(), levels).tolist())
        spans = [f"below {edges[0]:.5g}"]
        spans += [f"{low:.5g} to {high:.5g}" for low, high in pairwise(edges)]
        spans += [f"from {edges[-1]:.5g}"]
        names = [f"{name}: {span}" for name, span in zip(QUARTERS, spans, strict=True)]
        return cls(spec.task, tuple(names), edges)

    @property
    def called(self) -> str:
        """What a group is, as the header of a table says."""
        return "target" if self.edges else "class"

    def counts(self, target: Tensor) -> np.ndarray:
        """The rows of each group; of several labels each counts. Shapes: target (n, ...)."""
        if self.task == "multilabel":
            return target.numpy().astype(bool).sum(0)
        return np.bincount(self.numbers(target), minlength=len(self.names))

    def members(self, target: Tensor, group: int) -> np.ndarray:
        """Which rows lie in a group. Shapes: target (n,) or (n, labels) -> (n,) bool."""
        if self.task == "multilabel":
            return target[:, group].numpy().astype(bool)
        return self.numbers(target) == group

    def numbers(self, target: Tensor) -> np.ndarray:
        """The group of each row; of several labels the first. Shapes: target (n, ...) -> (n,)."""
        values = target.numpy()
        if self.task == "multilabel":
            return np.where(values.any(1), values.argmax(1), -1)
        if self.edges:
            return np.searchsorted(self.edges, values, side="right")
        if self.task in ("binary", "multiclass"):
            return values.astype(np.int64)
        return np.zeros(len(values), dtype=np.int64)
