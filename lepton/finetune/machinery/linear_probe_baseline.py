"""The baseline of fine-tuning: scikit-learn's best linear head on the untuned features."""

import hashlib
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import Tensor

from lepton.dataset.load.target_digits import target_to_learn
from lepton.dataset.split.split_rows import held_out
from lepton.finetune.machinery.backbone_features import FEATURE_PACKAGES, FeatureSplits
from lepton.storage.cache import cached
from lepton.task import Task

BASELINE_PACKAGES = (*FEATURE_PACKAGES, "scikit-learn", "scipy", "numpy", "torchmetrics")
Weights: TypeAlias = np.ndarray | None  # of the training rows
Predict = Callable[[np.ndarray], Tensor]  # rows of features -> predictions


@dataclass(frozen=True)
class ProbeSettings:
    """The settings of the baseline, the config's `linear_probe`.

    `strengths` are inverse penalties, of which validation chooses one; `iterations` are those of
    logistic regression at most.
    """

    strengths: list[float]
    iterations: int


def linear_probe_metrics(
    splits: FeatureSplits, task: Task, features: str, settings: ProbeSettings
) -> dict[str, float]:
    """Validation and test metrics by `split/name`, cached by targets and the name of features.

    Metrics that the config adds are of code that may change: with them nothing is cached. A task
    that learns from no target has no such head.
    """
    if not task.needs_target:
        return {}
    if task.added_metrics:
        return _best_metrics(splits, task, settings)
    key = f"{features} {task.name} {task.monitor} {task.score_key} {settings}"
    digest = hashlib.sha256(key.encode())
    for rows in splits.values():
        digest.update(rows["target"].cpu().numpy().tobytes())
        if "weight" in rows:
            digest.update(rows["weight"].cpu().numpy().tobytes())
    name = f"{digest.hexdigest()[:32]}.json"

    def make() -> bytes:
        return json.dumps(_best_metrics(splits, task, settings)).encode()

    return cached("linear_probes", name, make, json.loads, computed_by=BASELINE_PACKAGES)


def _best_metrics(splits: FeatureSplits, task: Task, settings: ProbeSettings) -> dict[str, float]:
    """The metrics of the head that is best on validation: of a few penalties, on features of mean 0
    and deviation 1 or as they are."""
    features = {split: _feature_matrix(rows["features"]) for split, rows in splits.items()}
    targets = {split: rows["target"].cpu() for split, rows in splits.items()}
    learned = target_to_learn(targets["train"], task.spec)
    weight = splits["train"]["weight"].cpu().numpy() if "weight" in splits["train"] else None
    best_score, best_metrics = -np.inf, {}
    for strength, standardize in product(settings.strengths, (True, False)):
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            regression = LogisticRegression(C=strength, max_iter=settings.iterations)
            linear_model = Ridge(1 / strength) if task.name == "regression" else regression
            head = make_pipeline(StandardScaler() if standardize else None, linear_model)
            predict = _fit(features["train"], learned.numpy(), weight, head, task)
        metrics = {
            f"{split}/{name}": value
            for split in held_out(splits)
            for name, value in task.score_rows(
                predict(features[split]), targets[split], splits[split].get("weight")
            ).items()
        }
        val_score = task.as_score(metrics.get(f"val/{task.monitor}", np.nan))
        if val_score > best_score or not best_metrics:
            best_score, best_metrics = val_score, metrics
    return best_metrics


def _feature_matrix(features: Tensor) -> np.ndarray:
    """One vector a row; of parallel predictions their mean."""
    flat = features.mean(1) if features.ndim == 3 else features
    return flat.double().cpu().numpy()


def _fit(x: np.ndarray, y: np.ndarray, weight: Weights, head: Pipeline, task: Task) -> Predict:
    """A fitted head, whose predictions are as the task's."""
    if task.name == "multilabel":
        heads = [_fit_classes(x, y[:, i], weight, head, 2) for i in range(y.shape[1])]
        return lambda rows: torch.stack([predict(rows)[:, 1] for predict in heads], 1)
    if task.name == "regression":
        ridge = _fitted(x, y, weight, head)
        dtype = torch.float64 if task.spec.is_target_far else torch.float32
        return lambda rows: torch.from_numpy(ridge.predict(rows)).to(dtype)
    predict = _fit_classes(x, y, weight, head, len(task.spec.classes))
    return (lambda rows: predict(rows)[:, 1]) if task.name == "binary" else predict


def _fitted(x: np.ndarray, y: np.ndarray, weight: Weights, head: Pipeline) -> Pipeline:
    weighed = {} if weight is None else {f"{head.steps[-1][0]}__sample_weight": weight}
    return clone(head).fit(x, y, **weighed)


def _fit_classes(
    x: np.ndarray, y: np.ndarray, weight: Weights, head: Pipeline, classes: int
) -> Predict:
    """A fitted head that gives every class a probability, also those that these rows lack."""
    present = np.unique(y).astype(int)
    if len(present) == 1:
        constant = torch.eye(classes)[present[0]]
        return lambda rows: constant.expand(len(rows), -1)
    model = _fitted(x, y, weight, head)

    def predict(rows: np.ndarray) -> Tensor:
        probabilities = torch.zeros(len(rows), classes)
        probabilities[:, present] = torch.from_numpy(model.predict_proba(rows)).float()
        return probabilities

    return predict
