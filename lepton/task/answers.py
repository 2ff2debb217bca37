"""Answers: what a task says of predictions to who acts on them."""

from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from lepton.decision.rule import DecisionRule
from lepton.storage.predictions import PredictionColumns, named_columns


class Answers:
    """The part of a task that turns predictions into decisions and probabilities."""

    threshold: ClassVar[float | None] = None  # above which a prediction means yes, where one does

    @property
    def columns(self) -> PredictionColumns:
        """The columns of a table of predictions."""
        raise NotImplementedError

    @property
    def class_values(self) -> np.ndarray | None:
        """The classes, or labels, as values; None for a task without these."""
        return None

    def decide(self, prediction: Tensor, rule: DecisionRule | None = None) -> dict[str, Any]:
        """Columns of what is decided: one that says it, or one a label; here the prediction.

        Only a task with classes or labels is given a rule, which has calibrated the prediction.
        """
        return named_columns(prediction, self.columns.prediction)

    def probabilities(self, prediction: Tensor) -> Tensor | None:
        """Of each class or label, in the order of the spec; None for a task without these.

        Shapes: as predictions are -> (rows, classes).
        """
        return None

    def answers(self, prediction: Tensor, rule: DecisionRule | None = None) -> dict[str, Any]:
        """Columns for who acts on predictions: what is decided, and how likely each class is.

        A rule is given as to `decide`.
        """
        return self.decide(prediction, rule)
