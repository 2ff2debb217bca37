"""The weights of training rows, which stand in a column of their table."""

from collections.abc import Sequence
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

REMARK = "weighs the training rows in the loss; all metrics are unweighted, of validation too"


def training_weights(
    table: pd.DataFrame | RawTable,
    column: str,
    rows: np.ndarray,
    numbers: np.ndarray,
    kinds: "Sequence[InputKind]",
) -> Tensor:
    """The weights of the rows at these places of a table.

    Shapes: rows, and their `numbers` in the files, (N,) -> (N,) float32.
    Raises: DataError for a column that is not there or has another use, and for weights that are
        missing, no numbers, negative, too large, or all 0.
    """
    key = f"dataset.weight={column}"
    if column not in table.columns:
        raise DataError(f"{key}: no such column{suggestion(column, table.columns)}")
    if any(column in kind.own_columns for kind in kinds):
        raise DataError(f"{key}: this column holds inputs; name one that holds weights")
    cells = table[column].iloc[rows]
    weights = _numbers(cells)
    for refused, why in (
        (cells.isna().to_numpy(), "is empty; give every training row a weight"),
        (np.isnan(weights), "is no number"),
        (weights < 0, "is negative; 0 leaves a row out of the loss"),
        (np.isinf(weights), "is too large"),
    ):
        if refused.any():
            first = int(np.flatnonzero(refused)[0])
            cell = "the cell" if pd.isna(cells.iloc[first]) else repr(str(cells.iloc[first]))
            raise DataError(f"{key}, row {numbers[first] + 1}: {cell} {why}")
    if not weights.any():
        raise DataError(f"{key}: every training row weighs 0; nothing is left to learn from")
    return torch.from_numpy(weights)


def no_inputs(targets: Sequence[str], weight: str | None) -> dict[str, str | None]:
    """The columns of the target and of the weights, which need no reason for being no inputs."""
    return dict.fromkeys([*targets, *filter(None, [weight])])


def weight_notes(splits: "dict[str, Rows]", column: str | None) -> list[CleaningNote]:
    """A note that says what the column of weights is used for, where there is one."""
    if column is None:
        return []
    return [CleaningNote(REMARK, len(splits["train"]["id"]), f"column {column}")]


def _numbers(cells: pd.Series) -> np.ndarray:
    """The cells as numbers, NaN for those that are none. Shapes: -> (N,) float32."""
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        return np.full(len(cells), np.nan, dtype=np.float32)
    numbers = pd.Series(pd.to_numeric(cells.astype(object), errors="coerce"))
    with np.errstate(over="ignore"):
        return numbers.to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32)
