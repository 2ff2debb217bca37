"""The validation rows of a finished run, as they stand in the data, with what predicts them."""

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


@dataclass(frozen=True)
class ValidationRows:
    """Rows of a run's validation split: the columns that its model reads, and their targets.

    `inputs`: the columns of each input by its name. `of`: how many rows the split has.
    Shapes: target (rows,) or (rows, labels), weight (rows,) or None; predictions as the task stores
        them, (rows,) or (rows, outputs).
    """

    predictor: Predictor
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


def read_validation_rows(
    folder: Path, *, rows: int, together: Sequence[Sequence[str]], seed: int
) -> ValidationRows:
    """At most so many rows of a run's validation split, drawn by chance of those that count.

    Raises: LeptonError for a run that cannot predict them as it did, or whose data are not there.
    """
    finished_result(folder)
    predictor = load_model(folder)
    inputs = _inputs(predictor.inputs, together, folder)
    with explain_read_errors(predictions_file(folder, CHOOSING_SPLIT)):
        stored = read_predictions(folder, CHOOSING_SPLIT)
    stored = stored.at(torch.from_numpy(stored.counted))
    count = len(stored.ids)
    if count < LEAST_ROWS:
        raise LeptonError(f"{folder}: {count} validation rows are too few; {LEAST_ROWS} at least")
    drawn = np.random.default_rng(seed).choice(count, min(rows, count), replace=False)
    drawn.sort()
    some = stored.at(torch.from_numpy(drawn))
    ids, names = some.ids.numpy(), [name for of in inputs.values() for name in of]
    frame, unpredicted = read_sample_inputs(folder, ids).inputs[names], np.empty(0)
    read = ValidationRows(
        predictor, frame, ids, some.target, some.weight, unpredicted, inputs, count
    )
    predictions = read.predict(frame)
    _require_stored(predictions, some.prediction.numpy(), folder)
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


def _require_stored(predictions: np.ndarray, stored: np.ndarray, folder: Path) -> None:
    """Raises: LeptonError where a model says something else than what the run holds."""
    scale = float(stored.std()) or 1.0
    if not np.allclose(predictions / scale, stored / scale, TOLERANCE, TOLERANCE):
        raise LeptonError(
            f"{folder}: its model does not predict the validation rows as stored; a model over "
            "folds has trained on them (take the run of one fold), and so has one with "
            "dataset.validation=inside (take outside), else `lepton verify` looks for the cause"
        )
