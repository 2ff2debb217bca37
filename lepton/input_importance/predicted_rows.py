"""The rows of a split of a finished run, as they stand in the data, with what predicts them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.dataset.inputs.kind import InputKind
from lepton.errors import LeptonError, did_you_mean, explain_read_errors
from lepton.evaluation.sample_inputs import read_sample_inputs
from lepton.predict import load_model
from lepton.prediction.predictor import Predictor
from lepton.storage.predictions import (
    CHOOSING_SPLIT,
    column_values,
    predictions_file,
    read_predictions,
)
from lepton.storage.results import finished_result

TOLERANCE = 1e-3  # between predictions and those stored, in standard deviations of these
LEAST_ROWS = 4
SPLIT_NAMES = {"val": "validation", "test": "test"}


@dataclass(frozen=True)
class PredictedRows:
    """Rows of a run's `split`: the columns that its model reads, and their targets.

    `inputs`: the columns of each input by its name. `of`: how many rows the split has.
    Shapes: target (rows,) or (rows, labels), weight (rows,) or None; predictions as the task stores
        them, (rows,) or (rows, outputs).
    """

    predictor: Predictor
    split: str
    frame: pd.DataFrame
    ids: np.ndarray
    target: Tensor
    weight: Tensor | None
    predictions: np.ndarray
    inputs: dict[str, tuple[str, ...]]
    of: int

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """What the model says of rows, in the shape of `predictions`."""
        raw = self.predictor.predict_frame(frame)
        return column_values(raw, self.predictor.task.columns.prediction)


def read_predicted_rows(
    folder: Path, *, split: str, rows: int, together: Sequence[Sequence[str]], seed: int
) -> PredictedRows:
    """At most so many rows of a run's `split`, drawn by chance of those that count.

    Raises: LeptonError for a run that cannot predict them as it did, or whose data are not there.
    """
    result = finished_result(folder)
    if split not in result.rows:
        held = ", ".join(name for name in result.rows if name != "train")
        raise LeptonError(f"split={split}: {folder} has no such rows, only those of {held}")
    predictor = load_model(folder)
    inputs = _inputs(predictor.inputs, together, folder)
    with explain_read_errors(predictions_file(folder, split)):
        stored = read_predictions(folder, split)
    stored = stored.at(torch.from_numpy(stored.counted))
    count = len(stored.ids)
    if count < LEAST_ROWS:
        raise LeptonError(
            f"{folder}: {count} {SPLIT_NAMES[split]} rows are too few; {LEAST_ROWS} at least"
        )
    drawn = np.random.default_rng(seed).choice(count, min(rows, count), replace=False)
    drawn.sort()
    some = stored.at(torch.from_numpy(drawn))
    ids, names = some.ids.numpy(), [name for of in inputs.values() for name in of]
    frame, unpredicted = read_sample_inputs(folder, ids).inputs[names], np.empty(0)
    read = PredictedRows(
        predictor, split, frame, ids, some.target, some.weight, unpredicted, inputs, count
    )
    predictions = read.predict(frame)
    _require_stored(read, predictions, some.prediction.numpy())
    return replace(read, predictions=predictions)


def _inputs(
    kinds: Sequence[InputKind], together: Sequence[Sequence[str]], folder: Path
) -> dict[str, tuple[str, ...]]:
    """The columns of each input by its name: of a kind's own columns all, else each by itself.

    Raises: LeptonError for columns to be taken together that are not read, or stand there twice.
    """
    units = [
        columns
        for kind in kinds
        for columns in ([kind.own_columns] if kind.own_columns else zip(kind.read_columns))
    ]
    known, named = [name for unit in units for name in unit], [n for some in together for n in some]
    for name in named:
        if name not in known:
            hint = did_you_mean(name, known)
            raise LeptonError(f"together: the model of {folder} reads no column {name!r}{hint}")
        if named.count(name) > 1:
            raise LeptonError(f"together: column {name!r} stands there twice; once is right")
    of_groups = [
        tuple(name for unit in units if {*unit} & {*group} for name in unit) for group in together
    ]
    grouped = {name for group in of_groups for name in group}
    others = [unit for unit in units if not {*unit} & grouped]
    return {" + ".join(unit): tuple(unit) for unit in (*of_groups, *others)}


def _require_stored(rows: PredictedRows, predictions: np.ndarray, stored: np.ndarray) -> None:
    """Raises: LeptonError where a model says something else than what the run holds."""
    scale = float(stored.std()) or 1.0
    if not np.allclose(predictions / scale, stored / scale, TOLERANCE, TOLERANCE):
        name, others = SPLIT_NAMES[rows.split], "take the run of one fold"
        if rows.split == CHOOSING_SPLIT:
            others += "; with dataset.validation=inside, split=test has rows it was not trained on"
        raise LeptonError(
            f"{rows.predictor.folder}: its model does not predict the {name} rows as stored; "
            f"a model over folds has trained on them ({others}), else `lepton verify` looks for "
            "the cause"
        )
