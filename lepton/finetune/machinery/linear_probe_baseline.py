"""The baseline of fine-tuning: scikit-learn's best linear head on the untuned features."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lepton.config.validation import is_inside
from lepton.dataset.data import Data
from lepton.dataset.load.target_digits import target_to_learn
from lepton.dataset.split.row_folds import row_folds
from lepton.dataset.split.split_rows import held_out
from lepton.finetune.machinery.backbone_features import FEATURE_PACKAGES, FeatureSplits, Rows
from lepton.finetune.machinery.head_probe import MIN_RELATIVE_DEVIATION
from lepton.finetune.machinery.linear_head import LinearHead, TrainingFeatures
from lepton.storage.cache import cached
from lepton.task import Task

FOLDS = 5  # of the training rows, which choose where there is no validation split
BASELINE_PACKAGES = (*FEATURE_PACKAGES, "scikit-learn", "scipy", "numpy", "torchmetrics")


@dataclass(frozen=True)
class ProbeSettings:
    """The settings of the baseline, the config's `linear_probe`.

    `strengths` are inverse penalties, of which validation chooses one; `iterations` are those of
    logistic regression at most.
    """

    strengths: list[float]
    iterations: int


def folds_of_probe(config: dict[str, Any], data: Data) -> list[np.ndarray] | None:
    """The folds of the training rows that choose the probe; None where a validation split does,
    and of a single row, which cannot be divided.

    A class or a group that cannot be divided lies in one fold.
    """
    if not is_inside(config) or len(data.splits["train"]["id"]) < 2:
        return None
    target, groups = data.splits["train"]["target"].cpu().numpy(), data.groups
    if groups is not None and (len(groups) != len(target) or len(np.unique(groups)) < 2):
        groups = None  # of rows that were added, and of one group
    by_class = target.ndim == 1 and bool(data.spec.classes)
    seed = data.split_settings.seed
    return row_folds(target, FOLDS, by_class=by_class, groups=groups, seed=seed)


def with_learned_as_val(splits: FeatureSplits) -> FeatureSplits:
    """The splits whose `val` are the training rows, as they are scored: those of a fold choose
    nothing but its epoch."""
    train = splits["train"]
    scored = splits.get("val", train)
    return {**splits, "val": {name: train[name] for name in train if name in scored}}


@dataclass(frozen=True)
class LinearProbe:
    """The best linear head, and its metrics by `split/name`; no head where no target is learned."""

    metrics: dict[str, float]
    head: LinearHead | None = None


def linear_probe(
    splits: FeatureSplits,
    task: Task,
    features: str | None,
    settings: ProbeSettings,
    *,
    folds: Sequence[np.ndarray] | None = None,
) -> LinearProbe:
    """The best head of a few penalties, on features of mean 0 and deviation 1 or as they are;
    cached by targets and the name of features, where these have one.

    The validation split chooses; with `folds`, these positions of the training rows: the metrics of
    `val` are of what is predicted of them, and the head learns from all.
    Metrics that the config adds are of code that may change: with them nothing is cached.
    """
    if not task.needs_target:
        return LinearProbe({})
    if features is None or task.added_metrics:
        return _best_probe(splits, task, settings, folds)
    key = f"{features} {task.name} {task.monitor} {task.score_key} {settings} {_text(folds)}"
    digest = hashlib.sha256(f"{key} {MIN_RELATIVE_DEVIATION}".encode())
    for rows in splits.values():
        digest.update(rows["target"].cpu().numpy().tobytes())
        if "weight" in rows:
            digest.update(rows["weight"].cpu().numpy().tobytes())

    def make() -> bytes:
        return _as_bytes(_best_probe(splits, task, settings, folds))

    name = f"{digest.hexdigest()[:32]}.npz"
    return cached("linear_probes", name, make, _of_bytes, computed_by=BASELINE_PACKAGES)


def _text(folds: Sequence[np.ndarray] | None) -> str:
    return "None" if folds is None else str([held_out.tolist() for held_out in folds])


def _as_bytes(probe: LinearProbe) -> bytes:
    assert probe.head is not None
    metrics = {"names": [*probe.metrics], "values": [*probe.metrics.values()]}
    content = io.BytesIO()
    np.savez(content, weight=probe.head.weight, bias=probe.head.bias, **metrics)
    return content.getvalue()


def _of_bytes(content: bytes) -> LinearProbe:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        metrics = zip(arrays["names"].tolist(), arrays["values"].tolist(), strict=True)
        return LinearProbe(dict(metrics), LinearHead(arrays["weight"], arrays["bias"]))


def _best_probe(
    splits: FeatureSplits, task: Task, settings: ProbeSettings, folds: Sequence[np.ndarray] | None
) -> LinearProbe:
    train, held = splits["train"], {split: splits[split] for split in held_out(splits)}
    candidates = [*product(settings.strengths, (True, False))]
    if folds is None:
        heads = _heads(train, candidates, task, settings)
        judged = splits.get("val", train)
        predictions = [head.predict(_feature_matrix(judged), task) for head in heads]
        best = _best(predictions, judged, task)
        head, metrics = heads[best], {}
    else:
        predictions = _predictions_of_folds(train, candidates, task, settings, folds)
        judged = with_learned_as_val(splits)["val"]
        best = _best(predictions, judged, task)
        [head] = _heads(train, candidates[best : best + 1], task, settings)
        metrics = _metrics("val", predictions[best], judged, task)
        held.pop("val", None)
    for split, rows in held.items():
        metrics |= _metrics(split, head.predict(_feature_matrix(rows), task), rows, task)
    return LinearProbe(metrics, head)


def _heads(
    rows: Rows, candidates: list[tuple[float, bool]], task: Task, settings: ProbeSettings
) -> list[LinearHead]:
    """The head of each strength and standardization, fitted to these rows."""
    y = target_to_learn(rows["target"].cpu(), task.spec).numpy()
    weight = rows["weight"].cpu().numpy() if "weight" in rows else None
    if weight is not None and not weight.any():
        weight = None  # of a fold that holds out all that weighs
    features = _feature_matrix(rows)
    fitted_to = {
        standardize: TrainingFeatures(features, y, weight, standardize=standardize)
        for standardize in {standardize for _, standardize in candidates}
    }
    return [
        fitted_to[standardize].head(task, strength, settings.iterations)
        for strength, standardize in candidates
    ]


def _predictions_of_folds(
    rows: Rows,
    candidates: list[tuple[float, bool]],
    task: Task,
    settings: ProbeSettings,
    folds: Sequence[np.ndarray],
) -> list[Tensor]:
    """What each candidate predicts of each row, fitted to the other folds."""
    features, parts = _feature_matrix(rows), []
    for judged in folds:
        learned = np.setdiff1d(np.arange(len(features)), judged)
        heads = _heads({n: t[learned] for n, t in rows.items()}, candidates, task, settings)
        parts.append([head.predict(features[judged], task) for head in heads])
    order = torch.from_numpy(np.concatenate(folds).argsort())
    return [torch.cat(predictions)[order] for predictions in zip(*parts, strict=True)]


def _best(predictions: list[Tensor], rows: Rows, task: Task) -> int:
    """The first candidate of the best score on these rows."""
    monitor = task.monitor
    scores = [_metrics("val", p, rows, task, only=(monitor,)) for p in predictions]
    values = [task.as_score(metrics.get(f"val/{monitor}", np.nan)) for metrics in scores]
    return int(np.argmax(np.nan_to_num(values, nan=-np.inf)))


def _metrics(
    split: str, prediction: Tensor, rows: Rows, task: Task, only: tuple[str, ...] | None = None
) -> dict[str, float]:
    scores = task.score_rows(prediction, rows["target"].cpu(), rows.get("weight"), only=only)
    return {f"{split}/{name}": value for name, value in scores.items()}


def _feature_matrix(rows: Rows) -> np.ndarray:
    """One vector a row; of parallel predictions their mean."""
    features = rows["features"]
    flat = features.mean(1) if features.ndim == 3 else features
    return flat.double().cpu().numpy()
