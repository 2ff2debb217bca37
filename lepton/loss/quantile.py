"""QuantileLoss: what is learned is not the mean but a quantile of the target."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor

from lepton.loss.loss import Loss
from lepton.metric.metric import Metric
from lepton.metric.pinball import pinball
from lepton.values.bounds import Between0And1


class QuantileLoss(Loss):
    """The pinball loss: an error costs `level` below the target and 1 - `level` above it.

    Predicted is then the value that the target stays below with a probability of `level`. rmse and
    r2 are about the mean and punish that; the metric `pinball`, in the target's own unit, is
    honest about it, and is monitored where no other metric is named.
    Source: Koenker and Bassett 1978, https://doi.org/10.2307/1913643
    """

    possible = ("regression",)
    replayable = True
    stackable = ("level",)

    def __init__(self, *, level: Between0And1):
        """Raises: ValueError for a level that is not between 0 and 1."""
        if not 0 < level < 1:
            raise ValueError(f"level: {level} is not between 0 and 1")
        self.level = level

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        error = target - logits
        return torch.maximum(self.level * error, (self.level - 1) * error)

    def constant(self, targets: Tensor) -> Tensor:
        """The quantile of the training targets."""
        values = targets.cpu().numpy().astype("float64")  # torch has a largest size for it
        return torch.tensor([np.quantile(values, self.level)])

    def metrics(self) -> Mapping[str, Metric]:
        function = partial(pinball, level=self.level)
        metric = Metric(function, larger_is_better=False, label="loss=quantile", key=repr(function))
        return {"pinball": metric}
