"""Predicts with an ensemble: every member predicts, and the predictions are combined."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from lepton import build
from lepton.derived.inputs import unchanged_folder
from lepton.prediction.predictor import Predictor
from lepton.spec import DataSpec
from lepton.storage.run_folder import SPEC_FILE


class EnsemblePredictor(Predictor):
    """Combines what the members say, each of which prepares the rows its own way."""

    def __init__(
        self, folder: Path, settings: dict[str, Any], load_model: Callable[[Path], Predictor]
    ):
        """`settings` is the node of the run's config with the method and the members."""
        references = settings["members"]
        spec = DataSpec.load(folder / SPEC_FILE)
        self.members = [load_model(unchanged_folder(folder, r)) for r in references]
        first = self.members[0]
        super().__init__(folder, spec=spec, task=first.task, inputs=first.inputs)
        self.entries = torch.tensor([reference["part"] for reference in references])
        runs = self.entries.bincount()
        self.shares = 1 / runs[self.entries].double()
        weights = torch.tensor([r["weight"] for r in references], dtype=torch.float64)
        self.weights = torch.zeros(len(runs), dtype=torch.float64)
        self.weights.index_add_(0, self.entries, weights)
        self.method = build.instantiate(settings["method"], "ensemble", task=self.spec.task)
        self.method.load(folder)

    def predict_frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        tables = [member.predict_frame(frame) for member in self.members]
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
