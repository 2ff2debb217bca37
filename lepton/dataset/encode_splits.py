"""Makes the tensors of the splits of a data set, and the spec that describes them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from lepton.dataset.clean.row_weights import RowWeights, row_weights
from lepton.dataset.clean.target import Target
from lepton.dataset.describe.data_spec import describe_data, named_fields
from lepton.dataset.inputs import absence
from lepton.dataset.inputs.kind import InputKind, RawSplits, Rows
from lepton.dataset.load.split_arrays import SplitArrays
from lepton.dataset.load.target_digits import target_tensor
from lepton.dataset.read.raw_table import RawTable
from lepton.dataset.split.split_rows import SplitRows
from lepton.spec import DataSpec


def encode_splits(
    frame: pd.DataFrame | RawTable,
    rows_by_split: SplitRows,
    target: Target,
    *,
    inputs: Sequence[InputKind],
    unread_inputs: Sequence[InputKind],
    excluded: dict[str, str | None],
    arrays: SplitArrays,
    weights: RowWeights,
) -> tuple[dict[str, Rows], DataSpec]:
    """The tensors of the splits, made by what train holds, and their spec.

    `excluded`: columns that are no inputs of any kind, with the reason where there is one to say.
    Shapes: rows_by_split[split] among the rows that have a target.
    """
    ids, fields = np.flatnonzero(target.kept_rows), {}
    positions = {split: ids[rows] for split, rows in rows_by_split.items()}
    splits: dict[str, Rows] = {split: {} for split in positions}
    for kind in inputs:
        raw = raw_splits(
            kind, [*inputs, *unread_inputs], frame, positions, target, excluded, arrays
        )
        for split, tensors in absence.prepare(kind, raw).items():
            splits[split] |= {name: arrays.keep(split, name, t) for name, t in tensors.items()}
        fields |= named_fields(kind, kind.spec_fields(splits["train"]), fields)
    for split, rows in rows_by_split.items():
        splits[split]["target"] = arrays.keep(split, "target", target_tensor(target, rows))
        numbers = target.files.numbers(ids[rows])
        splits[split]["id"] = arrays.keep(split, "id", torch.from_numpy(numbers))
    kinds = [*inputs, *unread_inputs]
    for split, rows in positions.items():
        if weights.column is not None and weights.weighs(split):
            numbers = target.files.numbers(rows)
            of_rows = row_weights(frame, weights.column, rows, numbers, kinds, split)
            if of_rows is not None:
                splits[split]["weight"] = arrays.keep(split, "weight", of_rows)
    return splits, describe_data(target, target.values[rows_by_split["train"]], **fields)


def raw_splits(
    kind: InputKind,
    kinds: Sequence[InputKind],
    frame: pd.DataFrame | RawTable,
    positions: dict[str, np.ndarray],
    target: Target,
    excluded: dict[str, str | None],
    arrays: SplitArrays,
) -> RawSplits:
    """What one kind is given of the rows: no columns that are excluded, or another kind's own."""
    taken = tuple(name for other in kinds if other is not kind for name in other.own_columns)
    columns = {**excluded, **dict.fromkeys(taken)}
    return RawSplits(frame, positions, target.kept_rows, columns, arrays, target.files, taken)
