"""The geometric mean of probabilities."""

import torch
from torch import Tensor

from lepton.ensemble.combiner import Combiner, log_odds


class GeometricMean(Combiner):
    """Geometric means of the classes' probabilities, divided by their sum.

    For two classes, or a label, that is the mean of the log-odds.
    """

    possible = ("binary", "multiclass", "multilabel")

    def combine(self, prediction: Tensor, weights: Tensor) -> Tensor:
        if self.task == "multiclass":
            eps = torch.finfo(torch.float32).eps
            return torch.tensordot(weights, prediction.clamp_min(eps).log(), dims=1).softmax(-1)
        return torch.tensordot(weights, log_odds(prediction), dims=1).sigmoid()
