"""Predictions of a split as a table and as a file of a run folder, and back.

Reports import this as well: torch loads only where tensors are made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lepton.spec import DataSpec

if TYPE_CHECKING:
    from torch import Tensor

PREDICTED_SPLITS = ("val", "test")
PREDICTIONS_FOLDER = "predictions"


@dataclass(frozen=True, eq=False)
class SplitPredictions:
    """The rows of a split: ids, targets, and predictions of one model, or stacked of several.

    Shapes: ids (rows,), target (rows,) or (rows, labels), prediction (..., rows[, classes]).
    """

    ids: "Tensor"
    target: "Tensor"
    prediction: "Tensor"


def write_predictions(
    predictions: Mapping[str, SplitPredictions], spec: DataSpec, folder: Path
) -> None:
    """Writes a table for each split into a run folder."""
    (folder / PREDICTIONS_FOLDER).mkdir()
    for name, split in predictions.items():
        frame = predictions_frame(split.ids, split.target, split.prediction, spec)
        frame.to_parquet(predictions_file(folder, name))


def read_predictions(folder: Path, name: str, spec: DataSpec) -> SplitPredictions:
    """The predictions that a run folder holds of a split, in the order of their ids."""
    import torch

    frame = pd.read_parquet(predictions_file(folder, name)).sort_values("id", kind="stable")
    prediction, target = predictions_from_frame(frame, spec)
    return SplitPredictions(torch.tensor(frame["id"].to_numpy()), target, prediction)


def predictions_file(folder: Path, name: str) -> Path:
    """The file of a run folder with the predictions of the split of this name."""
    return folder / PREDICTIONS_FOLDER / f"{name}.parquet"


def predictions_frame(
    ids: "Tensor", target: "Tensor", prediction: "Tensor", spec: DataSpec
) -> pd.DataFrame:
    """Predictions as a table, a row a sample; `predictions_from_frame` turns it back exactly."""
    rows, targets, values = (x.detach().cpu().numpy() for x in (ids, target, prediction))
    columns = {"id": rows}
    if spec.task == "multilabel":
        columns |= {f"target_{name}": targets[:, i] for i, name in enumerate(spec.classes)}
    else:
        columns["target"] = targets
    if values.ndim == 1:
        columns["prediction"] = values
    else:
        columns |= {f"p_{name}": values[:, i] for i, name in enumerate(spec.classes)}
    return pd.DataFrame(columns)


def predictions_from_frame(frame: pd.DataFrame, spec: DataSpec) -> tuple["Tensor", "Tensor"]:
    """Prediction and target of a table of predictions, as `score` takes them."""
    import torch

    predictions, targets = prediction_columns(spec)
    return torch.tensor(frame[predictions].to_numpy()), torch.tensor(frame[targets].to_numpy())


def prediction_columns(spec: DataSpec) -> tuple[str | list[str], str | list[str]]:
    """The columns of a table of predictions: of the prediction, and of the target."""
    predictions: str | list[str] = "prediction"
    targets: str | list[str] = "target"
    if spec.task in ("multiclass", "multilabel"):
        predictions = [f"p_{name}" for name in spec.classes]
    if spec.task == "multilabel":
        targets = [f"target_{name}" for name in spec.classes]
    return predictions, targets
