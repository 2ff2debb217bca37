"""Predicts with an ensemble: every member predicts, and the predictions are combined."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from lepton.derived.inputs import unchanged_folder
from lepton.evaluation.combination import Combination
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
        self.combination = Combination(folder, settings, self.spec.task)

    def predict_frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        tables = [member.predict_frame(frame) for member in self.members]
        if not len(tables[0]):
            return tables[0]
        predictions = torch.stack([torch.tensor(table.to_numpy()) for table in tables])
        if list(tables[0].columns) == ["prediction"]:  # methods are given it without its dimension
            values = self.combination.combine(predictions[..., 0])[:, None]
        else:
            values = self.combination.combine(predictions)
        values = values.to(predictions.dtype)
        return pd.DataFrame(values.numpy(), columns=tables[0].columns, index=tables[0].index)
