"""The weights of rows, which stand in a column of their table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.suggestion import suggestion
from lepton.dataset.read.raw_table import RawTable
from lepton.errors import DataError

if TYPE_CHECKING:
    from lepton.dataset.inputs.kind import InputKind, Rows

REMARK = "weighs the rows in the loss and in metrics"
IN_LOSS = "weighs the training rows in the loss; metrics count each row once"
TRAIN = "train"
UNWEIGHTED = "is empty in all rows of {split}, whose metrics count each row once"


@dataclass(frozen=True)
class RowWeights:
    """The column of weights of a data set, where it has one, and whether metrics heed it."""

    column: str | None
    in_metrics: bool

    def weighs(self, split: str) -> bool:
        """True where the rows of a split have weights."""
        return self.column is not None and (split == TRAIN or self.in_metrics)

    def held_out(self, rows: "Rows") -> "Rows":
        """Training rows as they are scored."""
        return {k: v for k, v in rows.items() if self.in_metrics or k != "weight"}

    def no_inputs(self, targets: Sequence[str]) -> dict[str, str | None]:
        """The columns of the target and of the weights, which need no reason to be no inputs."""
        return dict.fromkeys([*targets, *filter(None, [self.column])])

    def notes(self, splits: "dict[str, Rows]") -> list[CleaningNote]:
        """What the column of weights is used for, where there is one, and which rows have none."""
        if self.column is None:
            return []
        counts = {split: len(rows["id"]) for split, rows in splits.items()}
        weighted = sum(counts[split] for split, rows in splits.items() if "weight" in rows)
        notes = {REMARK if self.in_metrics else IN_LOSS: weighted} | {
            UNWEIGHTED.format(split=split): counts[split]
            for split, rows in splits.items()
            if self.weighs(split) and "weight" not in rows
        }
        return [CleaningNote(what, count, f"column {self.column}") for what, count in notes.items()]


def row_weights(
    table: pd.DataFrame | RawTable,
    column: str,
    rows: np.ndarray,
    numbers: np.ndarray,
    kinds: "Sequence[InputKind]",
    split: str,
) -> Tensor | None:
    """The weights of the rows of a split, at these places of a table; None where a split that is
    held out has none at all.

    Shapes: rows, and their `numbers` in the files, (N,) -> (N,); of train float32, as the loss
        takes them, else float64.
    Raises: DataError for a column that is not there or has another use, and for weights that are
        missing, no numbers, negative, too large, or all 0.
    """
    key = f"dataset.weight={column}"
    if column not in table.columns:
        raise DataError(f"{key}: no such column{suggestion(column, table.columns)}")
    if any(column in kind.own_columns for kind in kinds):
        raise DataError(f"{key}: this column holds inputs; name one that holds weights")
    cells = table[column].iloc[rows]
    is_empty, is_train = cells.isna().to_numpy(), split == TRAIN
    if is_empty.all() and not is_train:
        return None
    weights, every = _numbers(cells), "training row" if is_train else f"row of {split}"
    with np.errstate(over="ignore"):
        as_learned = weights.astype(np.float32)
    for refused, why in (
        (is_empty, f"is empty; give every {every} a weight{'' if is_train else ', or none'}"),
        (np.isnan(weights), "is no number"),
        (weights < 0, "is negative; 0 leaves a row out"),
        (np.isinf(as_learned), "is too large"),
    ):
        if refused.any():
            first = int(np.flatnonzero(refused)[0])
            cell = "the cell" if pd.isna(cells.iloc[first]) else repr(str(cells.iloc[first]))
            raise DataError(f"{key}, row {numbers[first] + 1}: {cell} {why}")
    if not weights.any():
        purpose = "learn from" if is_train else "score by"
        raise DataError(f"{key}: every {every} weighs 0; nothing is left to {purpose}")
    return torch.from_numpy(as_learned if is_train else weights)


def _numbers(cells: pd.Series) -> np.ndarray:
    """The cells as numbers, NaN for those that are none. Shapes: -> (N,) float64."""
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        return np.full(len(cells), np.nan)
    numbers = pd.Series(pd.to_numeric(cells.astype(object), errors="coerce"))
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
