"""Huber: large errors count by their size, small ones by their square."""

import torch
from torch import Tensor

from lepton.loss.loss import Loss
from lepton.values.bounds import Above0


class Huber(Loss):
    """Half the squared error up to `delta`, beyond it delta * (|error| - delta / 2).

    Units: `delta` in standard deviations of the training targets.
    Source: Huber 1964, https://doi.org/10.1214/aoms/1177703732
    """

    possible = ("regression",)
    replayable = True
    stackable = ("delta",)

    def __init__(self, *, delta: Above0):
        """Raises: ValueError for a delta that is not positive."""
        if not delta > 0:
            raise ValueError(f"delta: {delta} is not positive")
        self.delta = delta

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        error = (logits - target).abs()
        linear = self.delta * (error - 0.5 * self.delta)
        return torch.where(error <= self.delta, 0.5 * error.square(), linear)
