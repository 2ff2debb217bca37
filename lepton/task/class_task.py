"""ClassTask: the base of tasks with classes or labels, and the weights that these may have."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lepton.errors import did_you_mean
from lepton.spec import DataSpec
from lepton.task.scored_task import ScoredTask


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

    def answers(self, prediction: Tensor) -> dict[str, Any]:
        probabilities = self._of_each_class(prediction)
        names = np.array(self.spec.classes, dtype=object)
        of_each = dict(zip(self.spec.classes, probabilities.T.numpy(), strict=True))
        likeliest = {"predicted": names[probabilities.argmax(1).numpy()]}
        return likeliest | {f"p_{name}": values for name, values in of_each.items()}

    def _of_each_class(self, prediction: Tensor) -> Tensor:
        """Shapes: as predictions are -> (rows, classes)."""
        return prediction
