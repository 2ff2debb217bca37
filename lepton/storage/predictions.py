"""Predictions of a split as a table, and back."""

import pandas as pd
import torch
from torch import Tensor

from lepton.spec import DataSpec


def predictions_frame(
    ids: Tensor, target: Tensor, prediction: Tensor, spec: DataSpec
) -> pd.DataFrame:
    """Predictions as a table, a row a sample; `predictions_from_frame` turns it back exactly."""
    ids, target, prediction = (x.detach().cpu().numpy() for x in (ids, target, prediction))
    columns = {"id": ids}
    if spec.task == "multilabel":
        columns |= {f"target_{name}": target[:, i] for i, name in enumerate(spec.classes)}
    else:
        columns["target"] = target
    if prediction.ndim == 1:
        columns["prediction"] = prediction
    else:
        columns |= {f"p_{name}": prediction[:, i] for i, name in enumerate(spec.classes)}
    return pd.DataFrame(columns)


def predictions_from_frame(frame: pd.DataFrame, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Prediction and target of a table of predictions, as `score` takes them."""
    predictions: str | list[str] = "prediction"
    targets: str | list[str] = "target"
    if spec.task in ("multiclass", "multilabel"):
        predictions = [f"p_{name}" for name in spec.classes]
    if spec.task == "multilabel":
        targets = [f"target_{name}" for name in spec.classes]
    return torch.tensor(frame[predictions].to_numpy()), torch.tensor(frame[targets].to_numpy())
