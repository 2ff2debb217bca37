"""Scores of split-conformal prediction: how unlike a prediction what comes, or might come, is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lepton.storage.predictions import SplitPredictions
from lepton.task.base import Task


class Regions(Protocol):
    """What is predicted of each test row by a limit of the scores."""

    @property
    def unit(self) -> str:
        """What `sizes` are: the name of a column."""
        ...

    @property
    def calibration(self) -> np.ndarray:
        """The scores of what came in validation. Shapes: (validation rows,)."""
        ...

    def covered(self, limits: np.ndarray) -> np.ndarray:
        """Whether each row's region holds what came. Shapes: limits (rows,) -> (rows,)."""
        ...

    def sizes(self, limits: np.ndarray) -> np.ndarray:
        """How large each row's region is. Shapes: as `covered`."""
        ...

    def columns(self, limits: np.ndarray) -> Mapping[str, np.ndarray]:
        """The regions as columns, a row a test row."""
        ...


@dataclass(frozen=True)
class ClassSets:
    """Sets of the classes whose scores are within the limit. Shapes: scores (rows, classes)."""

    calibration: np.ndarray
    scores: np.ndarray
    target: np.ndarray
    classes: tuple[str, ...]
    unit: str = "size"

    def covered(self, limits: np.ndarray) -> np.ndarray:
        return self.scores[np.arange(len(limits)), self.target] <= limits

    def sizes(self, limits: np.ndarray) -> np.ndarray:
        return (self.scores <= limits[:, None]).sum(1).astype(float)

    def columns(self, limits: np.ndarray) -> Mapping[str, np.ndarray]:
        is_held = self.scores <= limits[:, None]
        sets = [", ".join(np.array(self.classes)[held]) for held in is_held]
        return {"set": np.array(sets, dtype=object)}


@dataclass(frozen=True)
class QuantityIntervals:
    """Intervals around predicted quantities. Shapes: prediction and target (rows,)."""

    calibration: np.ndarray
    prediction: np.ndarray
    target: np.ndarray
    unit: str = "width"

    def covered(self, limits: np.ndarray) -> np.ndarray:
        return np.abs(self.target - self.prediction) <= limits

    def sizes(self, limits: np.ndarray) -> np.ndarray:
        return 2 * limits

    def columns(self, limits: np.ndarray) -> Mapping[str, np.ndarray]:
        return {"low": self.prediction - limits, "high": self.prediction + limits}


def class_regions(
    task: Task, val: SplitPredictions, test: SplitPredictions, seed: int
) -> dict[str, Regions]:
    """The sets of two scores: one minus a class's probability, and that of all likelier classes."""
    generator = np.random.default_rng(seed)
    sides = []
    for rows in (val, test):
        probabilities = task.probabilities(rows.prediction.double())
        assert probabilities is not None
        p, chance = probabilities.numpy(), generator.uniform(size=(len(rows.ids), 1))
        sides.append({"lac": 1 - p, "aps": likelier_mass(p, chance)})
    target = [rows.target.long().numpy() for rows in (val, test)]
    own = np.arange(len(target[0]))
    return {
        name: ClassSets(scores[own, target[0]], sides[1][name], target[1], task.spec.classes)
        for name, scores in sides[0].items()
    }


def likelier_mass(p: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """The probability of all classes that are likelier, and a random share of a class's own.

    Shapes: p (rows, classes), chance (rows, 1) from 0 to 1 -> (rows, classes).
    Source: Romano et al. 2020, https://arxiv.org/abs/2006.02544, equation 5
    """
    order = np.argsort(-p, axis=1, kind="stable")
    falling = np.take_along_axis(p, order, axis=1)
    mass = falling.cumsum(1) - falling + chance * falling
    return np.take_along_axis(mass, np.argsort(order, axis=1, kind="stable"), axis=1)


def quantity_regions(
    task: Task, val: SplitPredictions, test: SplitPredictions, seed: int
) -> dict[str, Regions]:
    """Intervals by how far validation rows are from their predictions."""
    (ahead, came), (prediction, target) = (
        (rows.prediction.double().numpy(), rows.target.double().numpy()) for rows in (val, test)
    )
    return {"residual": QuantityIntervals(np.abs(came - ahead), prediction, target)}


RegionsOf = Callable[[Task, SplitPredictions, SplitPredictions, int], dict[str, Regions]]
REGIONS: dict[str, RegionsOf] = {  # by the name of the task
    "binary": class_regions,
    "multiclass": class_regions,
    "regression": quantity_regions,
}
