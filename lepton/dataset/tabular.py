"""The base of tabular data sets: columns become tensors of numbers and category codes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.column_kinds import infer_kinds, parse_columns
from lepton.dataset.clean.target import Target
from lepton.dataset.data import Data, Rows, target_tensor
from lepton.dataset.describe.data_spec import describe_data, table_fields
from lepton.dataset.describe.preparation_notes import (
    absent_class_notes,
    preprocessing_notes,
    unseen_category_notes,
)
from lepton.errors import DataError
from lepton.preprocessing.table import TablePreprocessing


class TabularData(Data):
    """Base of the tabular data sets; one of them only says how to `read` its table.

    After `setup` also `kinds`, those of the columns, and the fitted `preprocessor`; the inputs are
    `num` and `cat`.
    """

    def __init__(
        self,
        *,
        columns: dict[str, str],
        min_identifier_values: int,
        preprocessing: TablePreprocessing,
        **rows: Any,
    ):
        super().__init__(**rows)
        self.columns, self.preprocessor = dict(columns), preprocessing
        self.min_identifier_values = min_identifier_values

    def prepare(self, frame: pd.DataFrame, file_rows: int, target: Target) -> dict[str, Rows]:
        """The splits, preprocessed by what train holds; sets `kinds`, `spec` and `notes`."""
        rows_by_split = self.rows_by_split(frame, file_rows, target)
        features, feature_notes = self._parse_features(frame)
        ids, train_rows = np.flatnonzero(target.kept_rows), rows_by_split["train"]
        self.preprocessor.fit(features, self.kinds, ids[train_rows])
        splits = {}
        for split, rows in rows_by_split.items():
            num, cat = self.preprocessor.transform(features, ids[rows])
            splits[split] = {
                **{
                    name: inputs for name, inputs in (("num", num), ("cat", cat)) if inputs.shape[1]
                },
                "target": target_tensor(target, rows),
                "id": torch.from_numpy(ids[rows]),
            }
        fields = table_fields(self.preprocessor, splits["train"])
        self.spec = describe_data(target, target.values[train_rows], **fields)
        self.notes += [
            *target.notes,
            *feature_notes,
            *preprocessing_notes(features, target.kept_rows, self.preprocessor),
            *unseen_category_notes(splits, self.spec),
            *absent_class_notes(splits, self.spec),
        ]
        return splits

    def save(self, folder: Path) -> None:
        """Writes what turns further rows into inputs."""
        self.preprocessor.save(folder / "preprocessing.skops")

    def _parse_features(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[CleaningNote]]:
        """The feature columns, parsed to their kinds, and notes on them; sets `kinds`."""
        excluded, notes = self.target_columns(), []
        settings = self.split_settings
        if settings.column is not None:
            excluded = [*excluded, settings.column]
            remark = f"splits the rows by {settings.strategy}, left out of the features"
            notes = [CleaningNote(remark, len(frame), f"column {settings.column}")]
        frame = frame.drop(columns=excluded)
        declared = {name: kind for name, kind in self.columns.items() if name not in excluded}
        self.kinds, kind_notes = infer_kinds(
            frame, declared, min_identifier_values=self.min_identifier_values
        )
        if set(self.kinds.values()) <= {"ignore"}:
            reason = "; ".join(map(str, kind_notes)) or "the table holds nothing else"
            raise DataError(f"no column is left to learn from: {reason}")
        columns = {  # one at a time and uncopied: memory for the table twice, not three times
            name: parse_columns(frame[[name]], {name: kind})[name]
            for name, kind in self.kinds.items()
            if kind != "ignore"
        }
        return pd.DataFrame(columns, index=frame.index, copy=False), notes + kind_notes
