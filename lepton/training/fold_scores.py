"""Scores of what folds predict: of all rows together, by which is chosen, and of each fold.

A metric may be undefined for some rows, as AUROC is where all are of one class, or for predictions
that are all alike.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lepton.dataset.data import Rows
from lepton.errors import ConfigError, Diverged
from lepton.task import Task
from lepton.training.fold_rows import rows_at

Scores = dict[str, float]  # of one epoch, by `val/name`
SPREADS = (1.0, 0.1, 10.0)  # of logits drawn by chance, by which a metric is tried
LEAST_FOLDS = 2  # whose gains have a standard error


def monitored_scores(task: Task, states: Sequence[Any], *, epoch: int) -> Scores:
    """The monitored metric of rows and the score that it is; NaN where it is undefined for them.

    `epoch` counts from 0. Raises: Diverged when a prediction is not finite.
    """
    name = task.monitor
    value = task.summarize(states, only=(name,)).get(name)
    if value is not None and not math.isfinite(value):
        raise Diverged(f"validation {name} is {value} after epoch {epoch + 1}")
    value = math.nan if value is None else value
    return {f"val/{name}": value, "val/score": task.as_score(value)}


def scores_of_epochs(task: Task, kept: Tensor, rows: Rows) -> list[Scores]:
    """The scores of what is kept of each epoch's predictions. Shapes: kept (epochs, rows, ...)."""
    return [
        monitored_scores(task, [task.validate(one, rows)], epoch=epoch)
        for epoch, one in enumerate(kept)
    ]


def ranked(scores: Sequence[Scores]) -> np.ndarray:
    """The scores as numbers to choose by: what is undefined is never the best."""
    values = np.array([of_one["val/score"] for of_one in scores], dtype=float)
    return np.where(np.isfinite(values), values, -np.inf)


def is_clearly_better(
    task: Task, kept: Tensor, start: Tensor, rows: Rows, folds: Sequence[np.ndarray]
) -> bool:
    """True where predictions score better than others by more than the standard error of that over
    the folds that have a score: the best of many epochs is better by chance alone. True where fewer
    than two have one.

    Source: the rule of one standard error, Breiman et al. 1984, Classification and Regression Trees
    """
    parts = [(torch.stack([kept[at], start[at]]), rows_at(rows, at)) for at in folds]
    of_folds = np.array([ranked(scores_of_epochs(task, *part)) for part in parts])
    of_folds = of_folds[np.isfinite(of_folds).all(1)]
    if len(of_folds) < LEAST_FOLDS:
        return True
    gains = of_folds[:, 0] - of_folds[:, 1]
    return bool(gains.mean() > gains.std(ddof=1) / math.sqrt(len(gains)))


def refuse_undefined(task: Task, rows: Rows) -> None:
    """Raises: ConfigError for a monitored metric that these rows do not define, whatever is
    predicted of them."""
    generator, count = torch.Generator().manual_seed(0), len(rows["id"])
    for spread in SPREADS:
        logits = spread * torch.randn(count, task.outputs, generator=generator)
        try:
            kept = task.keep(task.predict(logits))
        except NotImplementedError:  # of a task that models have alone which fit themselves
            return
        if np.isfinite(ranked(scores_of_epochs(task, kept[None], rows))).all():
            return
    raise _undefined(task, f"on the {count} training rows, whose targets do not vary enough")


def undefined_for_predictions(task: Task, rows: Rows) -> ConfigError:
    """The error of a metric that is undefined for all that folds have predicted."""
    return _undefined(task, f"for all that the folds predict of the {len(rows['id'])} rows")


def _undefined(task: Task, where: str) -> ConfigError:
    other = next(iter(task.metrics))
    return ConfigError(
        f"task.monitor: {task.monitor} is undefined {where}; {other} is defined for every target"
    )
