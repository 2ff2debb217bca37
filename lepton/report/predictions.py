"""What a finished run predicted for its test split, and the inputs it saw."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lepton.errors import LeptonError
from lepton.spec import DataSpec

FEW = 12  # values of a column that texts are sliced by


@dataclass(frozen=True)
class Predictions:
    """Shapes: ids (N,); target (N,) or (N, labels); prediction (N,) or (N, classes)."""

    ids: np.ndarray
    target: np.ndarray
    prediction: np.ndarray
    spec: DataSpec

    @property
    def wrong(self) -> np.ndarray:
        """An error a sample: 1 for a wrong class, the share of wrong labels, or a distance."""
        match self.spec.task:
            case "regression":
                return np.abs(self.prediction - self.target)
            case "multiclass":
                return (self.prediction.argmax(1) != self.target).astype(float)
            case "multilabel":
                return ((self.prediction > 0.5) != (self.target == 1)).mean(1)
        return ((self.prediction > 0.5) != (self.target == 1)).astype(float)

    @property
    def loss(self) -> np.ndarray:
        """How bad a prediction is, to order mistakes by: negative log-likelihood, or a distance."""
        if self.spec.task == "regression":
            return self.wrong
        p = np.clip(self.prediction.astype(float), 1e-7, 1 - 1e-7)
        if self.spec.task == "multiclass":
            return -np.log(p[np.arange(len(p)), self.target.astype(int)])
        each = -np.where(self.target == 1, np.log(p), np.log1p(-p))
        return each.mean(1) if each.ndim > 1 else each

    @property
    def measure(self) -> str:
        names = {"regression": "absolute error", "multilabel": "share of wrong labels"}
        return names.get(self.spec.task, "share of wrong predictions")


def predictions(folder: Path, split: str = "test") -> Predictions:
    """The stored predictions of a run.

    Raises: LeptonError when they are not there or cannot be read.
    """
    path = folder / "predictions" / f"{split}.parquet"
    try:
        spec = DataSpec.load(folder / "spec.json")
        frame = pd.read_parquet(path)
        several = spec.task in ("multiclass", "multilabel")
        p = [f"p_{name}" for name in spec.classes] if several else "prediction"
        t = [f"target_{n}" for n in spec.classes] if spec.task == "multilabel" else "target"
        found = Predictions(*(frame[c].to_numpy() for c in ("id", t, p)), spec)
        if not len(frame) or not np.isfinite(found.prediction.astype(float)).all():
            raise ValueError("not a number for every sample")
        return found
    except (OSError, KeyError, ValueError, TypeError) as e:
        raise LeptonError(f"{path}: cannot be read ({' '.join(str(e).split())})") from None


@dataclass(frozen=True)
class Inputs:
    """The rows that a run predicted: what it was shown of them, and what they are sliced by."""

    shown: pd.DataFrame
    sliced: pd.DataFrame


def inputs(folder: Path, ids: np.ndarray) -> Inputs:
    """The rows of a run as they stood in its data, read again as its config says.

    Raises: LeptonError when the data are not there, or are not what the run saw.
    """
    from omegaconf import OmegaConf

    from lepton import build
    from lepton.config.check import check, input_kind
    from lepton.config.identity import is_run_name
    from lepton.storage.results import CONFIG, read_config

    config = read_config(folder / CONFIG)
    if "ensemble" in config:
        return inputs(folder / config["ensemble"]["members"][0]["path"], ids)
    cfg = check(OmegaConf.create(config))
    if not is_run_name(cfg, folder.name):
        raise LeptonError(f"{folder}: its data or its options are no longer what they were")
    texts = input_kind(cfg, "dataset") == "text"
    module = build.unread_data(cfg, **{"tokenizer" if texts else "preprocessing": None})
    if not hasattr(module, "read"):
        raise LeptonError(f"{folder}: its data set has no table of inputs")
    tables = [part for part in module.read() if part is not None]
    frame = pd.concat(tables, ignore_index=True)
    target = [module.target] if isinstance(module.target, str) else list(module.target)
    rows = frame.drop(columns=target).iloc[ids].reset_index(drop=True)
    return (
        Inputs(rows[module.columns], _of_texts(rows, module.columns))
        if texts
        else Inputs(rows, rows)
    )


def _of_texts(rows: pd.DataFrame, texts: list[str]) -> pd.DataFrame:
    """How long texts are, and what stands beside them that has few values."""
    found = {f"words of {name}": rows[name].fillna("").str.split().str.len() for name in texts}
    beside = rows.drop(columns=texts).select_dtypes(exclude="number")
    few = {name: column for name, column in beside.items() if column.nunique() <= FEW}
    return pd.DataFrame({**found, **few})
