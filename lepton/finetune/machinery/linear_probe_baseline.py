"""The baseline of fine-tuning: scikit-learn's best linear head on the untuned features."""

import hashlib
import json
import warnings
from collections.abc import Callable

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import Tensor

from lepton.finetune.machinery.backbone_features import FEATURE_PACKAGES, FeatureSplits
from lepton.storage.cache import cached
from lepton.storage.predictions import PREDICTED_SPLITS
from lepton.task import Task

INVERSE_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)  # to choose from, by validation
MAX_ITERATIONS = 500
BASELINE_PACKAGES = (*FEATURE_PACKAGES, "scikit-learn", "scipy", "numpy", "torchmetrics")
Predict = Callable[[np.ndarray], Tensor]  # rows of features -> predictions


def linear_probe_metrics(splits: FeatureSplits, task: Task, features: str) -> dict[str, float]:
    """Validation and test metrics by `split/name`, cached by targets and the name of features.

    Metrics that the config adds are of code that may change: with them nothing is cached.
    """
    if task.added_metrics:
        return _best_metrics(splits, task)
    digest = hashlib.sha256(f"{features} {task.name} {task.monitor}".encode())
    for rows in splits.values():
        digest.update(rows["target"].cpu().numpy().tobytes())
    name = f"{digest.hexdigest()[:32]}.json"

    def make() -> bytes:
        return json.dumps(_best_metrics(splits, task)).encode()

    return cached("before", name, make, json.loads, computed_by=BASELINE_PACKAGES)


def _best_metrics(splits: FeatureSplits, task: Task) -> dict[str, float]:
    """The metrics of the head with the best of a few penalties."""
    features = {split: _feature_matrix(rows["features"]) for split, rows in splits.items()}
    targets = {split: rows["target"].cpu() for split, rows in splits.items()}
    best_score, best_metrics = -np.inf, {}
    for inverse_penalty in INVERSE_PENALTIES:
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            predict = _fit(features["train"], targets["train"].numpy(), inverse_penalty, task)
        metrics = {
            f"{split}/{name}": value
            for split in PREDICTED_SPLITS
            for name, value in task.score(predict(features[split]), targets[split]).items()
        }
        val_score = task.as_score(metrics.get(f"val/{task.monitor}", np.nan))
        if val_score > best_score or not best_metrics:
            best_score, best_metrics = val_score, metrics
    return best_metrics


def _feature_matrix(features: Tensor) -> np.ndarray:
    """One vector a row; of parallel predictions their mean."""
    flat = features.mean(1) if features.ndim == 3 else features
    return flat.double().cpu().numpy()


def _fit(x: np.ndarray, y: np.ndarray, inverse_penalty: float, task: Task) -> Predict:
    """A fitted head, whose predictions are as the task's."""
    if task.name == "multilabel":
        heads = [_fit_classes(x, y[:, i], inverse_penalty, 2) for i in range(y.shape[1])]
        return lambda rows: torch.stack([predict(rows)[:, 1] for predict in heads], 1)
    if task.name == "regression":
        ridge = make_pipeline(StandardScaler(), Ridge(1 / inverse_penalty)).fit(x, y)
        return lambda rows: torch.from_numpy(ridge.predict(rows)).float()
    predict = _fit_classes(x, y, inverse_penalty, len(task.spec.classes))
    return (lambda rows: predict(rows)[:, 1]) if task.name == "binary" else predict


def _fit_classes(x: np.ndarray, y: np.ndarray, inverse_penalty: float, classes: int) -> Predict:
    """A fitted head that gives every class a probability, also those that these rows lack."""
    present = np.unique(y).astype(int)
    if len(present) == 1:
        constant = torch.eye(classes)[present[0]]
        return lambda rows: constant.expand(len(rows), -1)
    regression = LogisticRegression(C=inverse_penalty, max_iter=MAX_ITERATIONS)
    model = make_pipeline(StandardScaler(), regression).fit(x, y)

    def predict(rows: np.ndarray) -> Tensor:
        probabilities = torch.zeros(len(rows), classes)
        probabilities[:, present] = torch.from_numpy(model.predict_proba(rows)).float()
        return probabilities

    return predict
