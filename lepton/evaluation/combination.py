"""Combination: how a run that was made of others makes one prediction of those of its members."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lepton import build


class Combination:
    """The method of an ensemble, with the weight of each member and the entry that it belongs to.

    Members of one entry, as those of other folds, are averaged first.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], task: str):
        """`settings` is the node of the run's config with the method and the members."""
        references = settings["members"]
        self.entries = torch.tensor([reference["part"] for reference in references])
        runs = self.entries.bincount()
        self.shares = 1 / runs[self.entries].double()
        weights = torch.tensor([r["weight"] for r in references], dtype=torch.float64)
        self.weights = torch.zeros(len(runs), dtype=torch.float64)
        self.weights.index_add_(0, self.entries, weights)
        self.method = build.instantiate(settings["method"], "ensemble", task=task)
        self.method.load(folder)

    def combine(self, predictions: Tensor) -> Tensor:
        """The combined predictions. Shapes: (members, rows[, columns]) -> (rows[, columns])."""
        shares = self.shares.reshape(-1, *[1] * (predictions.ndim - 1))
        of_entries = torch.zeros(len(self.weights), *predictions.shape[1:], dtype=torch.float64)
        of_entries.index_add_(0, self.entries, predictions.double() * shares)
        return self.method.combine(of_entries, self.weights)
