"""Reads a file of new labelled rows, whose targets mean what those of a finished run do."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.cell_texts import distinct_texts
from lepton.dataset.clean.row_weights import row_weights
from lepton.dataset.clean.suggestion import suggestion
from lepton.dataset.read.generated_mark import refuse_generated
from lepton.errors import DataError
from lepton.evaluation.file_rows import read_rows
from lepton.spec import DataSpec


@dataclass(frozen=True)
class LabelledRows:
    """Rows as they stand in a file, and their targets as numbers; `unlabelled` were left out.

    `weight`: how much each row counts in metrics; None where all count alike.
    Shapes: target as of the task of the run, (rows, 0) where it needs none; weight (rows,).
    """

    frame: pd.DataFrame
    target: Tensor
    unlabelled: int
    weight: Tensor | None = None


def read_labelled_rows(
    path: Path, run_folder: Path, spec: DataSpec, weight: str | None = None
) -> LabelledRows:
    """The rows of a CSV, Parquet or JSON lines file that have a target.

    `weight`: the column of the run's weights of rows, which the file may lack.
    Raises: DataError naming the file, and the column and row of what cannot be used.
    """
    refuse_generated(str(path), str(path))
    frame = read_rows(path, run_folder)
    for name in spec.target_names:
        if name not in frame.columns:
            hint = suggestion(name, frame.columns)
            raise DataError(f"{path}: no column {name!r}, the target of the run{hint}")
    if not spec.target_names:
        weights = _weights(frame, weight, np.arange(len(frame)), path)
        return LabelledRows(frame, torch.empty(len(frame), 0), 0, weights)
    columns = [_encoded(frame[name], spec, path) for name in spec.target_names]
    target = np.stack(columns, 1)
    is_labelled = ~np.isnan(target).any(1)
    if not is_labelled.any():
        raise DataError(f"{path}: no row has a target ({', '.join(spec.target_names)})")
    kept = torch.from_numpy(target[is_labelled])
    kept = kept if spec.task == "multilabel" else kept[:, 0]
    dtypes = {"multiclass": torch.int64, "regression": torch.float64}
    kept = kept.to(dtypes.get(spec.task, torch.float32))
    rows = frame[is_labelled].reset_index(drop=True)
    weights = _weights(frame, weight, np.flatnonzero(is_labelled), path)
    return LabelledRows(rows, kept, int((~is_labelled).sum()), weights)


def _weights(
    frame: pd.DataFrame, column: str | None, rows: np.ndarray, path: Path
) -> Tensor | None:
    """The weights of these rows; None where the file has none. Shapes: -> (rows,)."""
    if column is None or column not in frame:
        return None
    try:
        return row_weights(frame, column, rows, rows, (), "the file")
    except DataError as e:
        raise DataError(f"{path}: {e}") from None


def _encoded(column: pd.Series, spec: DataSpec, path: Path) -> np.ndarray:
    """The numbers of a target's column, NaN where it is missing. Shapes: (rows,), float64."""
    codes, cells = distinct_texts(column)
    texts = cells.to_pylist()
    where = f"{path}, column {str(column.name)!r}"
    if spec.task == "regression":
        numbers = np.array([_number(text) for text in texts])
        meaning = "a finite number"
    else:
        words = {"false": 0.0, "true": 1.0}
        numbers = np.array([_class_number(text, spec, words) for text in texts])
        meaning = "0 or 1" if spec.task == "multilabel" else "a class of the run"
    refused = np.isnan(numbers)
    if refused.any():
        row = int(np.flatnonzero(np.append(refused, False)[codes])[0])
        known = "" if spec.task == "regression" else suggestion(texts[codes[row]], spec.classes)
        raise DataError(f"{where}, row {row + 1}: {texts[codes[row]]!r} is not {meaning}{known}")
    return np.append(numbers, np.nan)[codes]


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return np.nan
    return value if np.isfinite(value) else np.nan


def _class_number(text: str, spec: DataSpec, words: dict[str, float]) -> float:
    if spec.task == "multilabel":
        return words.get(cell_parsing.BOOLEAN_WORDS.get(text.lower(), ""), np.nan)
    return float(spec.classes.index(text)) if text in spec.classes else np.nan
