"""Rows without inputs of a kind: a kind that allows them is given the others alone.

What the kind makes of these is put where they stand; a row without inputs holds what `absent` says.
A kind whose rows all have inputs, or that allows no others, is called as it is.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.dataset.clean.target import Target
from lepton.dataset.inputs.kind import InputKind, RawSplits, Rows
from lepton.dataset.load.file_rows import FileRows
from lepton.dataset.split.split_rows import SplitRows
from lepton.errors import DataError


def has_cells(frame: pd.DataFrame, columns: tuple[str, ...]) -> np.ndarray:
    """Which rows have something in one of the columns. Shapes: -> (rows,) bool."""
    found = np.zeros(len(frame), dtype=bool)
    for name in columns:
        blank = frame[name].map(lambda cell: isinstance(cell, str) and not cell.strip())
        found |= (frame[name].notna() & ~blank.astype(bool)).to_numpy()
    return found


def clean(kind: InputKind, frame: Any, target: Target) -> Target:
    """The target as the kind cleans it; rows without its inputs stay where these may be absent.

    Raises: DataError for a row without inputs where there must be some.
    """
    if kind.absence is None:
        return kind.clean(frame, target)
    is_there = has_cells(frame, kind.own_columns)
    lacking = target.kept_rows & ~is_there
    if not lacking.any():
        return kind.clean(frame, target)
    where = f"column {', '.join(kind.own_columns)}"
    if kind.absence == "refuse":
        row, count = int(np.flatnonzero(lacking)[0]) + 1, int(lacking.sum())
        raise DataError(
            f"{where}, row {row}: empty, where {kind.plural} are ({count} such rows in all); "
            "dataset.absent=keep learns what their absence means, drop leaves them out"
        )
    own = _among(target, is_there)
    if not own.kept_rows.any():
        raise DataError(f"{where}: empty in all rows, where {kind.plural} are")
    blanks = {name: frame[name].where(is_there, "") for name in kind.own_columns}
    cleaned = kind.clean(frame.assign(**blanks), own)
    verb = "kept" if kind.absence == "keep" else "dropped"
    kind.notes += target.files.notes(f"rows without {kind.plural}, {verb}", lacking, where)
    if kind.absence == "drop":
        return cleaned
    kind.present = is_there
    return _among(target, cleaned.kept_rows | ~is_there)


def drop_rows(kind: InputKind, rows: SplitRows, target: Target) -> SplitRows:
    """The rows of each split without those that the kind drops."""
    if kind.present is None:
        return kind.drop_rows(rows, target)
    is_there = kind.present[target.kept_rows]
    places, numbers = np.flatnonzero(is_there), np.cumsum(is_there) - 1
    own = {split: numbers[some[is_there[some]]] for split, some in rows.items()}
    remaining = kind.drop_rows(own, _among(target, kind.present))
    return {
        split: np.sort(np.concatenate([some[~is_there[some]], places[remaining[split]]]))
        for split, some in rows.items()
    }


def prepare(kind: InputKind, raw: RawSplits) -> dict[str, Rows]:
    """The tensors of each split, of all its rows.

    Raises: DataError where no training row has such inputs.
    """
    if kind.present is None:
        return kind.prepare(raw)
    is_there = {split: kind.present[rows] for split, rows in raw.positions.items()}
    positions = {split: rows[is_there[split]] for split, rows in raw.positions.items()}
    if not len(positions["train"]):
        raise DataError(f"the train split has no {kind.plural}; all its rows lack them")
    own = replace(raw, positions=positions, kept_rows=raw.kept_rows & kind.present)
    splits = kind.prepare(own)
    kind.present = None
    return {split: _spread(kind, rows, is_there[split]) for split, rows in splits.items()}


def encode(kind: InputKind, frame: pd.DataFrame) -> Rows:
    """The tensors of further rows, to predict."""
    if kind.absence != "keep" or not {*kind.own_columns} <= {*frame.columns}:
        return kind.encode(frame)
    is_there = has_cells(frame, kind.own_columns)
    if is_there.all():
        return kind.encode(frame)
    return _spread(kind, kind.encode(frame[is_there]), is_there)


def _among(target: Target, rows: np.ndarray) -> Target:
    """The target, which keeps only some of its rows. Shapes: rows (rows,) bool."""
    values = target.values[rows[target.kept_rows]]
    return replace(target, kept_rows=target.kept_rows & rows, values=values)


def _spread(kind: InputKind, rows: Rows, is_there: np.ndarray) -> Rows:
    """What a kind made of the rows that have inputs, among the others."""
    spread: Rows = {}
    for name, values in rows.items():
        shape = (len(is_there), *values.shape[1:])
        if isinstance(values, FileRows):
            spread[name] = values.among(is_there, kind.absent(name))
        elif isinstance(values, Tensor):
            spread[name] = torch.full(shape, kind.absent(name), dtype=values.dtype)
            spread[name][torch.from_numpy(is_there)] = values
        else:
            spread[name] = np.full(shape, "", dtype=object)
            spread[name][is_there] = values
    return spread
