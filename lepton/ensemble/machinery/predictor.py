"""An ensemble as something that predicts: every member is asked, the answers are combined."""

from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from lepton import build
from lepton.ensemble.machinery.members import Member, member_of, unchanged
from lepton.errors import LeptonError
from lepton.spec import DataSpec
from lepton.storage.run_folder import CONFIG_FILE, read_config


class EnsemblePredictor:
    """Raw rows -> predictions, as `Predictor`; each member prepares the rows its own way."""

    def __init__(self, folder: Path, load):
        config = read_config(folder / CONFIG_FILE)
        own = config["ensemble"]
        self.spec = DataSpec.load(folder / "spec.json")
        self.members = [load(_verified(folder, known).folder) for known in own["members"]]
        self.parts = torch.tensor([known["part"] for known in own["members"]])
        counts = self.parts.bincount()
        self.shares = 1 / counts[self.parts].double()
        weights = [known["weight"] for known in own["members"]]
        self.weights = torch.zeros(len(counts), dtype=torch.float64)
        self.weights.index_add_(0, self.parts, torch.tensor(weights, dtype=torch.float64))
        self.method = build.instantiate(own["method"], task=self.spec.task)
        self.method.load(folder)

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """One row of predictions for each row given, with its index, in the columns of a run's.

        Raises: DataError when a column is missing or holds what it did not when training.
        """
        answers = [member.predict(frame) for member in self.members]
        if not len(frame):
            return answers[0]
        found = torch.stack([torch.tensor(answer.to_numpy()) for answer in answers])
        values = self._combined(found.double()).to(found.dtype)
        return pd.DataFrame(values.numpy(), columns=answers[0].columns, index=frame.index)

    def _combined(self, found: Tensor) -> Tensor:
        """Shapes: (members, rows, columns) -> (rows, columns); one column is none to methods."""
        parts = torch.zeros(len(self.weights), *found.shape[1:], dtype=found.dtype)
        parts.index_add_(0, self.parts, found * self.shares[:, None, None])
        if self.spec.task in ("binary", "regression"):
            return self.method.combine(parts[..., 0], self.weights)[:, None]
        return self.method.combine(parts, self.weights)


def _verified(folder: Path, known: dict[str, Any]) -> Member:
    """A member, which must be the very run that the ensemble was made of."""
    member = member_of(folder, known)
    if not unchanged(member, known):
        raise LeptonError(
            f"{folder}: its member {known['run']} was trained again and predicts otherwise; make "
            "the ensemble again"
        )
    return member
