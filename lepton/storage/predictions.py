"""Predictions of a split as a table and as a file of a run folder, and back.

Reports import this as well: torch loads only where tensors are made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lepton.storage.run_files import read_run_table

if TYPE_CHECKING:
    from torch import Tensor

PREDICTED_SPLITS = ("val", "test")
CHOOSING_SPLIT = "val"  # by which anything is chosen
PREDICTIONS_FOLDER = "predictions"
WEIGHT_COLUMN = "weight"


@dataclass(frozen=True, eq=False)
class SplitPredictions:
    """The rows of a split: ids, targets and predictions of one model, or stacked of several.

    `weight`: how much each row counts in metrics; None where all count alike.
    Shapes: ids and weight (rows,), target (rows,) or (rows, labels), where there is none (rows, 0),
        prediction (..., rows[, classes]).
    """

    ids: "Tensor"
    target: "Tensor"
    prediction: "Tensor"
    weight: "Tensor | None" = None

    @property
    def counted(self) -> np.ndarray:
        """The positions of the rows that count, all but those of weight 0."""
        if self.weight is None:
            return np.arange(len(self.ids))
        return np.flatnonzero(self.weight.numpy())

    def at(self, positions: "Tensor") -> "SplitPredictions":
        """These rows alone, of one model. Shapes: positions (n,), or (rows,) bool."""
        weight = None if self.weight is None else self.weight[positions]
        of_rows = self.ids[positions], self.target[positions], self.prediction[positions]
        return SplitPredictions(*of_rows, weight)


def same_target(first: "Tensor", second: "Tensor") -> bool:
    """True for targets that are equal in the shorter of their types; older runs held 32 bits."""
    if first.dtype == second.dtype or not first.is_floating_point():
        return first.equal(second)
    return first.float().equal(second.float())


@dataclass(frozen=True)
class PredictionColumns:
    """The columns of a table of predictions, as a task names them.

    Several columns have a number each; one column has a number a row, or a list where a row has
    several. Predictions are in `prediction` or in columns that begin with `p_`, targets in `target`
    or in columns that begin with `target_`, by which both are found again.
    """

    prediction: str | list[str]
    target: str | list[str]

    @classmethod
    def found_in(cls, frame: pd.DataFrame) -> "PredictionColumns":
        """Those of a table that was written.

        Raises: KeyError when it has no predictions.
        """
        several = [name for name in frame.columns if name.startswith("p_")]
        if "prediction" not in frame and not several:
            raise KeyError("prediction")
        targets = [name for name in frame.columns if name.startswith("target_")]
        return cls(
            "prediction" if "prediction" in frame else several,
            "target" if "target" in frame else targets,
        )


def write_predictions(
    predictions: Mapping[str, SplitPredictions], columns: PredictionColumns, folder: Path
) -> None:
    """Writes a table for each split into a run folder."""
    (folder / PREDICTIONS_FOLDER).mkdir()
    for name, split in predictions.items():
        frame = predictions_frame(split, columns)
        repeating = [str(name) for name, kind in frame.dtypes.items() if kind.kind not in "fO"]
        path = predictions_file(folder, name)
        frame.to_parquet(path, use_dictionary=repeating or False)  # of numbers it takes space, time


def read_predictions(folder: Path, name: str) -> SplitPredictions:
    """The predictions that a run folder holds of a split, in the order of their ids."""
    frame = read_predictions_frame(folder, name).sort_values("id", kind="stable")
    return predictions_from_frame(frame)


def predictions_file(folder: Path, name: str) -> Path:
    """The file of a run folder with the predictions of the split of this name."""
    return folder / PREDICTIONS_FOLDER / f"{name}.parquet"


def read_predictions_frame(folder: Path, name: str) -> pd.DataFrame:
    """The table that a run folder holds of a split. Raises: OSError; Damaged."""
    return read_run_table(folder, predictions_file(Path(), name).as_posix())


def predictions_frame(split: SplitPredictions, columns: PredictionColumns) -> pd.DataFrame:
    """Predictions as a table, a row a sample; `predictions_from_frame` turns it back exactly."""
    return pd.DataFrame(
        {
            "id": split.ids.detach().cpu().numpy(),
            **({} if split.weight is None else {WEIGHT_COLUMN: split.weight.cpu().numpy()}),
            **named_columns(split.target, columns.target),
            **named_columns(split.prediction, columns.prediction),
        }
    )


def named_columns(values: "Tensor", names: str | list[str]) -> dict[str, Any]:
    """Rows of values as columns: one for each of several names, or one of numbers or lists.

    Shapes: values (rows,), or (rows, n).
    """
    array = values.detach().cpu().numpy()
    if isinstance(names, str):
        return {names: array if array.ndim == 1 else list(array)}
    return {name: array[:, i] for i, name in enumerate(names)}


def predictions_from_frame(frame: pd.DataFrame) -> SplitPredictions:
    """The predictions that a table holds, as `score` takes them."""
    import torch

    columns = PredictionColumns.found_in(frame)
    values = (frame["id"].to_numpy(), *(column_values(frame, c) for c in vars(columns).values()))
    ids, prediction, target = map(torch.tensor, values)
    weight = weights_in(frame)
    weight = None if weight is None else torch.tensor(weight)
    return SplitPredictions(ids, target, prediction, weight)


def weights_in(frame: pd.DataFrame) -> np.ndarray | None:
    """The weights that a table of predictions holds of its rows; None where all count alike.

    Raises: ValueError for what is no weight.
    """
    if WEIGHT_COLUMN not in frame:
        return None
    weights = frame[WEIGHT_COLUMN].to_numpy(dtype=np.float64)
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError(f"{WEIGHT_COLUMN}: not all are numbers from 0 on")
    return weights


def column_values(frame: pd.DataFrame, names: str | list[str]) -> np.ndarray:
    """What `named_columns` named. Shapes: -> (rows,), or (rows, n)."""
    if not names:
        return np.empty((len(frame), 0), np.float32)
    values = frame[names].to_numpy()
    return np.stack(list(values)) if isinstance(names, str) and values.dtype == object else values
