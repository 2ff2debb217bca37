"""ClassTask: the base of tasks with classes or labels, and the weights that these may have."""

import re
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lepton.decision.rule import DecisionRule
from lepton.errors import did_you_mean
from lepton.spec import DataSpec
from lepton.task.scored_task import ScoredTask

WHOLE_NUMBER = re.compile("0|-?[1-9][0-9]{0,17}")  # as it is written, in 64 bits


class ClassTask(ScoredTask):
    """A task with classes or labels, to each of which `task.class_weights` may give a weight."""

    class_noun = "class"

    def __init__(self, spec: DataSpec, **settings: Any) -> None:
        super().__init__(spec, **settings)
        if self.class_weights is not None:
            self.weights = torch.tensor(self._output_weights(), dtype=torch.float64)

    def _output_weights(self) -> list[tuple[float, float]]:
        """For each output the weight of its absence and of its presence; binary has one output."""
        return [(1.0, weight) for weight in self._listed_weights()]

    def _listed_weights(self) -> list[float]:
        """A weight a class; "balanced" is n / (classes * count)."""
        if isinstance(self.class_weights, list):
            return [float(weight) for weight in self.class_weights]
        counts = [max(count, 1) for count in self.spec.class_counts]
        total = sum(self.spec.class_counts)
        return [total / (len(counts) * count) for count in counts]

    def _weight_problems(self) -> list[str]:
        weights, classes = self.class_weights, self.spec.classes
        setting = f"task.class_weights: {weights!r}"
        if isinstance(weights, str):
            if weights == "balanced":
                return []
            hint = did_you_mean(weights, ["balanced"])
            known = "null, balanced, or a list with a weight a class"
            return [f"{setting} is not known{hint} ({known})"]
        if weights is not None and len(weights) != len(classes):
            return [
                f"{setting} has {len(weights)} weights; this target needs one a {self.class_noun}, "
                f"{len(classes)}, in the order {', '.join(classes)}"
            ]
        if weights is not None and not all(0 < weight < float("inf") for weight in weights):
            return [f"{setting}: weights must be positive numbers"]
        return []

    def _binary_loss(self, logits: Tensor, encoded: Tensor) -> Tensor:
        """The mean over two classes an output. Shapes: (B, outputs), the same -> scalar."""
        if self.weights is None:
            return F.binary_cross_entropy_with_logits(logits, encoded)
        absent, present = self.weights_like(logits).unbind(-1)
        present, absent = present * encoded, absent * (1 - encoded)
        loss = present * F.softplus(-logits) + absent * F.softplus(logits)
        return loss.sum() / (present + absent).sum()

    def _binary_losses(self, logits: Tensor, encoded: Tensor) -> Tensor:
        """The terms of that mean, times their classes' weights. Shapes: -> (B, outputs)."""
        if self.weights is None:
            return F.binary_cross_entropy_with_logits(logits, encoded, reduction="none")
        absent, present = self.weights_like(logits).unbind(-1)
        absent, present = absent * (1 - encoded), present * encoded
        return present * F.softplus(-logits) + absent * F.softplus(logits)

    @property
    def class_values(self) -> np.ndarray:
        """The classes as values: whole numbers and true or false, where all names are, else texts.

        A spec holds their texts alone.
        """
        names = self.spec.classes
        if {*names} <= {"False", "True"}:
            return np.array([name == "True" for name in names])
        if all(WHOLE_NUMBER.fullmatch(name) for name in names):
            return np.array([int(name) for name in names])
        return np.array(names, dtype=object)

    def decide(self, prediction: Tensor, rule: DecisionRule | None = None) -> dict[str, Any]:
        if rule is None:
            numbers = self.probabilities(prediction).argmax(1).numpy()
        else:
            numbers = rule.decide(prediction.numpy())
        return {"predicted": self.class_values[numbers]}

    def probabilities(self, prediction: Tensor) -> Tensor:
        return prediction

    def answers(self, prediction: Tensor, rule: DecisionRule | None = None) -> dict[str, Any]:
        of_each = self.probabilities(prediction).T.numpy()
        named = zip(self.spec.classes, of_each, strict=True)
        return self.decide(prediction, rule) | {f"p_{name}": values for name, values in named}
