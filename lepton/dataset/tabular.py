"""A table as tensors: preprocessed by what the training split says."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.dataset.clean.cleaning_note import Note
from lepton.dataset.clean.columns import infer_kinds, typed
from lepton.dataset.clean.description import cleaning_notes, make_spec, split_notes, table_spec
from lepton.dataset.clean.target import Target
from lepton.dataset.data import Data, target_tensor
from lepton.errors import DataError


class TabularData(Data):
    """Base of the tabular data sets; one of them only says how to `read` its table.

    After `setup` also `kinds` and `preprocessor`; the inputs are `num` and `cat`.
    """

    def __init__(self, *, columns: dict, preprocessing, **rows):
        super().__init__(**rows)
        self.columns, self.preprocessor = dict(columns), preprocessing

    def prepare(
        self, frame: pd.DataFrame, own: int, target: Target
    ) -> dict[str, dict[str, Tensor]]:
        parts = self.divide(frame, own, target)
        frame, notes = self._features(frame)
        train = parts["train"]
        ids = np.flatnonzero(target.kept)
        self.preprocessor.fit(frame, self.kinds, ids[train])
        splits = {}
        for name, rows in parts.items():
            num, cat = self.preprocessor.transform(frame, ids[rows])
            splits[name] = _inputs(num, cat) | {
                "target": target_tensor(target, rows),
                "id": torch.from_numpy(ids[rows]),
            }
        inputs = table_spec(self.preprocessor, splits["train"])
        self.spec = make_spec(target, target.values[train], **inputs)
        self.notes += [
            *target.notes,
            *notes,
            *cleaning_notes(frame, target.kept, self.preprocessor),
            *split_notes(splits, self.spec),
        ]
        return splits

    def save(self, folder: Path) -> None:
        """Writes what turns further rows into inputs."""
        self.preprocessor.save(folder / "preprocessing.skops")

    def _features(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Note]]:
        """The typed feature columns; sets `kinds`."""
        names, notes = self.target_columns(), []
        column = self.splitting.column
        if column is not None:
            names = [*names, column]
            what = f"splits the rows by {self.splitting.how}, left out of the features"
            notes = [Note(what, len(frame), f"column {column}")]
        frame = frame.drop(columns=names)
        declared = {name: kind for name, kind in self.columns.items() if name not in names}
        self.kinds, found = infer_kinds(frame, declared)
        if set(self.kinds.values()) <= {"ignore"}:
            why = "; ".join(map(str, found)) or "the table holds nothing else"
            raise DataError(f"no column is left to learn from: {why}")
        columns = {  # one at a time and uncopied: memory for the table twice, not three times
            name: typed(frame[[name]], {name: kind})[name]
            for name, kind in self.kinds.items()
            if kind != "ignore"
        }
        return pd.DataFrame(columns, index=frame.index, copy=False), notes + found


def _inputs(num: Tensor, cat: Tensor) -> dict[str, Tensor]:
    return {name: t for name, t in (("num", num), ("cat", cat)) if t.shape[1]}
