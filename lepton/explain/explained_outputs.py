"""Which number of a run's predictions is explained, and how a page names it.

Of a class, a label or a quantity it is a logit, of a pair how alike its two sides are.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lepton.dataset.inputs.kind import InputKind
from lepton.errors import LeptonError
from lepton.report.predictions import Predictions, read_sample_predictions
from lepton.spec import DataSpec
from lepton.storage.predictions import PredictionColumns, column_values, read_predictions_frame
from lepton.storage.results import require_test_split
from lepton.storage.run_folder import SPEC_FILE
from lepton.task.base import Task
from lepton.task.contrastive import Contrastive, RankCounts

Batch = dict[str, Any]


class ExplainedOutputs(ABC):
    """The rows of the test split that a run predicted, and the number that is explained of each.

    `header`: of what `cells` tells of a row; `aim`: what numbers speak for, in a fact of the page.
    """

    ids: np.ndarray
    header: tuple[str, ...]

    @abstractmethod
    def logits(self, task: Task, model: nn.Module, batch: Batch) -> Tensor:
        """The numbers of which one is explained. Shapes: -> (n, outputs)."""

    @abstractmethod
    def chosen(self, position: int) -> int:
        """Which of the numbers of a row is explained."""

    @abstractmethod
    def cells(self, position: int) -> list[str]:
        """What a page tells of a row."""

    @property
    @abstractmethod
    def aim(self) -> str:
        """What the numbers speak for or against."""

    @abstractmethod
    def worst(self, most: int) -> np.ndarray:
        """The positions of the worst mistakes, worst first."""

    @abstractmethod
    def moved_together(self, kinds: Sequence[InputKind]) -> list[list[InputKind]]:
        """The kinds of inputs that go their way from neutral together, the others held."""


@dataclass(frozen=True)
class LogitOutputs(ExplainedOutputs):
    """Logits of classes, labels or a quantity, to which all kinds of inputs add up."""

    predictions: Predictions
    towards: str
    header = ("true", "predicted", "towards")

    @property
    def ids(self) -> np.ndarray:
        return self.predictions.ids

    def logits(self, task: Task, model: nn.Module, batch: Batch) -> Tensor:
        """Of parallel predictions their mean."""
        logits = task.forward(model, batch)
        logits = logits.mean(1) if logits.ndim == 3 else logits
        return logits.reshape(len(logits), -1)

    def chosen(self, position: int) -> int:
        spec = self.predictions.spec
        if spec.outputs == 1:
            return 0
        target = self.predictions.target[position]
        if self.towards == "predicted":
            return int(np.argmax(self.predictions.prediction[position]))
        return int(target) if spec.task == "multiclass" else int(np.argmax(target))

    def cells(self, position: int) -> list[str]:
        spec = self.predictions.spec
        towards = spec.classes[self.chosen(position)] if spec.outputs > 1 else self.aim
        return [*self.predictions.described(position), towards]

    @property
    def aim(self) -> str:
        spec = self.predictions.spec
        if spec.task == "regression":
            return ", ".join(spec.target_names)
        if spec.outputs == 1:
            return f"logit of {spec.classes[1]}"
        return f"logit of the {self.towards} {'label' if spec.task == 'multilabel' else 'class'}"

    def worst(self, most: int) -> np.ndarray:
        return self.predictions.worst(most)

    def moved_together(self, kinds: Sequence[InputKind]) -> list[list[InputKind]]:
        return [[*kinds]]


@dataclass(frozen=True)
class PairOutputs(ExplainedOutputs):
    """How alike the two sides of a pair are; each goes its way while the other is as it is.

    Shapes: vectors (N, 2, dimensions).
    """

    ids: np.ndarray
    vectors: np.ndarray
    kinds: Sequence[str]

    @property
    def header(self) -> tuple[str, ...]:
        first, second = self.kinds
        return (f"place of its {second}", f"place of its {first}")

    def logits(self, task: Task, model: nn.Module, batch: Batch) -> Tensor:
        first, second = task.forward(model, batch).unbind(1)
        return (first * second).sum(1, keepdim=True)

    def chosen(self, position: int) -> int:
        return 0

    @cached_property
    def _places(self) -> np.ndarray:
        """The place of each partner among all, from 1, both ways. Shapes: -> (N, 2)."""
        first, second = torch.tensor(self.vectors).double().unbind(1)
        ways = [RankCounts.of(first, second), RankCounts.of(second, first)]
        return torch.stack([way.expected_ranks() for way in ways], 1).numpy()

    def cells(self, position: int) -> list[str]:
        return [f"{place:g} of {len(self.ids)}" for place in self._places[position]]

    @property
    def aim(self) -> str:
        return f"similarity of {' and '.join(self.kinds)}"

    def worst(self, most: int) -> np.ndarray:
        places = self._places.mean(1)
        farthest_first = np.argsort(-places, kind="stable")
        return farthest_first[places[farthest_first] > 1][:most]

    def moved_together(self, kinds: Sequence[InputKind]) -> list[list[InputKind]]:
        return [[kind] for kind in kinds]


def read_outputs(folder: Path, task: Task, towards: str | None) -> ExplainedOutputs:
    """The outputs of a run that are explained.

    Raises: LeptonError where they are not there, or `towards` means none of them.
    """
    if not isinstance(task, Contrastive):
        return LogitOutputs(read_sample_predictions(folder), towards or "predicted")
    if towards is not None:
        raise LeptonError(
            f"towards={towards}: {folder} has learned pairs, of which the similarity of the two "
            "sides is explained; leave it out"
        )
    require_test_split(folder, "what is told of its mistakes")
    spec, frame = DataSpec.load(folder / SPEC_FILE), read_predictions_frame(folder, "test")
    values = column_values(frame, PredictionColumns.found_in(frame).prediction)
    kinds = [kind for kind in spec.kinds if kind in task.kinds]
    return PairOutputs(frame["id"].to_numpy(), values.reshape(len(frame), 2, -1), kinds)
