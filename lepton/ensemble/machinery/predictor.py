"""Predicts with an ensemble: every member predicts, and the predictions are combined."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from lepton import build
from lepton.derived.derivation import FramePredictor
from lepton.derived.inputs import unchanged_folder
from lepton.spec import DataSpec
from lepton.storage.run_folder import SPEC_FILE


class EnsemblePredictor:
    """Predicts rows of a DataFrame, as `Predictor`; each member prepares the rows its own way."""

    def __init__(
        self, folder: Path, settings: dict[str, Any], load_model: Callable[[Path], FramePredictor]
    ):
        """`settings` is the node of the run's config with the method and the members."""
        references = settings["members"]
        self.spec = DataSpec.load(folder / SPEC_FILE)
        self.members = [load_model(unchanged_folder(folder, r)) for r in references]
        self.entries = torch.tensor([reference["part"] for reference in references])
        runs = self.entries.bincount()
        self.shares = 1 / runs[self.entries].double()
        weights = torch.tensor([r["weight"] for r in references], dtype=torch.float64)
        self.weights = torch.zeros(len(runs), dtype=torch.float64)
        self.weights.index_add_(0, self.entries, weights)
        self.method = build.instantiate(settings["method"], "ensemble", task=self.spec.task)
        self.method.load(folder)

    def predict(self, frame: pd.DataFrame | Sequence[Any]) -> pd.DataFrame:
        """One row of predictions for each row given, with its index, in the columns of a run's.

        Raises: DataError when a column is missing or holds what it did not when training.
        """
        tables = [member.predict(frame) for member in self.members]
        if not len(tables[0]):
            return tables[0]
        one_number = list(tables[0].columns) == ["prediction"]
        predictions = torch.stack([torch.tensor(table.to_numpy()) for table in tables])
        values = self._combine(predictions.double(), one_number).to(predictions.dtype)
        return pd.DataFrame(values.numpy(), columns=tables[0].columns, index=tables[0].index)

    def _combine(self, predictions: Tensor, one_number: bool) -> Tensor:
        """The combined predictions; methods are given a single column without its dimension.

        Shapes: (members, rows, columns) -> (rows, columns).
        """
        of_entries = torch.zeros(len(self.weights), *predictions.shape[1:], dtype=predictions.dtype)
        of_entries.index_add_(0, self.entries, predictions * self.shares[:, None, None])
        if one_number:
            return self.method.combine(of_entries[..., 0], self.weights)[:, None]
        return self.method.combine(of_entries, self.weights)
