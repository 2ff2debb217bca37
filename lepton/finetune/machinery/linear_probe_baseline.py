"""What the untuned backbone is worth: a linear head of scikit-learn's on its features."""

import hashlib
import json
import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import Tensor

from lepton.finetune.machinery.features import FEATURE_PACKAGES, Splits
from lepton.metric.scoring import score
from lepton.storage.cache import cached
from lepton.task import Task

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)  # inverse penalties to choose from
ITERATIONS = 500
BASELINE_PACKAGES = (*FEATURE_PACKAGES, "scikit-learn", "scipy", "numpy", "torchmetrics")


def before(splits: Splits, task: Task, features: str) -> dict[str, float]:
    """Validation and test metrics, by `split/name`; kept by what names features, and targets."""
    found = hashlib.sha256(f"{features} {task.name} {task.monitor}".encode())
    for part in splits.values():
        found.update(part["target"].cpu().numpy().tobytes())
    name = f"{found.hexdigest()[:32]}.json"

    def make() -> bytes:
        return json.dumps(_fitted(splits, task)).encode()

    return cached("before", name, make, json.loads, computed_by=BASELINE_PACKAGES)


def _fitted(splits: Splits, task: Task) -> dict[str, float]:
    """The metrics of the best of a few penalties."""
    rows = {split: _matrix(part["features"]) for split, part in splits.items()}
    target = {split: part["target"].cpu() for split, part in splits.items()}
    best, found = -np.inf, {}
    for strength in STRENGTHS:
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            predict = _fit(rows["train"], target["train"].numpy(), strength, task)
        metrics = {
            f"{split}/{name}": value
            for split in ("val", "test")
            for name, value in score(predict(rows[split]), target[split], task=task.name).items()
        }
        value = metrics.get(f"val/{task.monitor}", np.nan)
        value = value if task.larger_is_better else -value
        if value > best or not found:
            best, found = value, metrics
    return found


def _matrix(features: Tensor) -> np.ndarray:
    """One vector a row; of parallel predictions their mean."""
    flat = features.mean(1) if features.ndim == 3 else features
    return flat.double().cpu().numpy()


def _fit(x: np.ndarray, y: np.ndarray, strength: float, task: Task):
    """Rows -> predictions, as the task's."""
    if task.name == "multilabel":
        columns = [_one(x, y[:, label], strength, 2) for label in range(y.shape[1])]
        return lambda rows: torch.stack([column(rows)[:, 1] for column in columns], 1)
    if task.name == "regression":
        ridge = make_pipeline(StandardScaler(), Ridge(1 / strength)).fit(x, y)
        return lambda rows: torch.from_numpy(ridge.predict(rows)).float()
    classes = len(task.spec.classes)
    model = _one(x, y, strength, classes)
    return (lambda rows: model(rows)[:, 1]) if task.name == "binary" else model


def _one(x: np.ndarray, y: np.ndarray, strength: float, classes: int):
    """Probabilities of every class, also of those that these rows do not hold."""
    present = np.unique(y).astype(int)
    if len(present) == 1:
        fixed = torch.eye(classes)[present[0]]
        return lambda rows: fixed.expand(len(rows), -1)
    regression = LogisticRegression(C=strength, max_iter=ITERATIONS)
    model = make_pipeline(StandardScaler(), regression).fit(x, y)

    def predict(rows: np.ndarray) -> Tensor:
        spread = torch.zeros(len(rows), classes)
        spread[:, present] = torch.from_numpy(model.predict_proba(rows)).float()
        return spread

    return predict
