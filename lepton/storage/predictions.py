"""Predictions of a split as a table, and back."""

import pandas as pd
import torch
from torch import Tensor

from lepton.spec import DataSpec


def predictions_frame(
    ids: Tensor, target: Tensor, prediction: Tensor, spec: DataSpec
) -> pd.DataFrame:
    """Predictions as a table, a row a sample, that `from_frame` turns back exactly."""
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


def from_frame(frame: pd.DataFrame, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Prediction and target of a table of predictions, as `score` takes them."""
    many = spec.task in ("multiclass", "multilabel")
    p = [f"p_{name}" for name in spec.classes] if many else "prediction"
    t = [f"target_{name}" for name in spec.classes] if spec.task == "multilabel" else "target"
    return torch.tensor(frame[p].to_numpy()), torch.tensor(frame[t].to_numpy())
