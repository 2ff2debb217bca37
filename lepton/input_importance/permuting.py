"""Permutation importance of a finished run's inputs: each gets its cells from other rows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from lepton.errors import LeptonError, did_you_mean
from lepton.input_importance.predicted_rows import SPLIT_NAMES, PredictedRows
from lepton.stats.permutation import PermutationEstimate, PermutedScores
from lepton.task.base import Task

ROWS_AT_ONCE = 20_000  # that are predicted


@dataclass(frozen=True)
class PermutedImportances:
    """The estimate of each input by its name, the most important first.

    `score` is the metric of the rows as they are.
    """

    split: str
    metric: str
    score: float
    larger_is_better: bool
    estimates: dict[str, PermutationEstimate]
    repeats: int
    rows: int
    of: int

    @property
    def label(self) -> str:
        """What an importance is, as "val auroc lost"."""
        verb = "lost" if self.larger_is_better else "added"
        return f"{self.split} {self.metric} {verb}"

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each input: importance, low, high, and the standard deviation over repeats."""
        metric = f"{self.split}/{self.metric}"
        rows = [
            {"input": name, "metric": metric, "importance": e.value}
            | {"low": e.low, "high": e.high, "std": e.std}
            for name, e in self.estimates.items()
        ]
        return pd.DataFrame(rows)

    @property
    def summary(self) -> str:
        needed = sum(e.low > 0 for e in self.estimates.values())
        first, estimate = next(iter(self.estimates.items()))
        if not needed:
            return f"Of {len(self.estimates)} inputs none is needed beyond chance."
        return (
            f"{needed} of {len(self.estimates)} inputs are needed beyond chance; most is lost "
            f"without {first}, {estimate.value:+.4f}."
        )

    @property
    def lines(self) -> list[str]:
        direction = "larger" if self.larger_is_better else "smaller"
        count = f"{self.rows}" if self.rows == self.of else f"{self.rows} of {self.of}"
        times = "once" if self.repeats == 1 else f"{self.repeats} times"
        return [
            f"{count} {SPLIT_NAMES[self.split]} rows, {self.split} {self.metric} {self.score:.4f} "
            f"({direction} is better); each input got the cells of other rows, {times}.",
            "[ ]: 95 % interval over rows, of each input alone: of 20 that tell nothing one misses "
            "0.",
            "Inputs that can stand in for each other look unimportant one by one; together=[[a,b]] "
            "takes them as one.",
        ]


def permuted_importances(
    rows: PredictedRows, *, metric: str | None, repeats: int, seed: int
) -> PermutedImportances:
    """What the metric loses for each input, permuted so often.

    Raises: LeptonError for a metric that the task has not, or that is undefined for these rows.
    """
    task = rows.predictor.task
    name = _metric_name(task, metric, rows)
    sign = 1 if task.metrics[name] else -1

    def score(predictions: np.ndarray, positions: np.ndarray) -> float:
        some, places = (
            torch.from_numpy(predictions[positions]).double(),
            torch.from_numpy(positions),
        )
        weight = None if rows.weight is None else rows.weight[places]
        values = task.score_rows(some, rows.target[places], weight, only=[name])
        return sign * values.get(name, np.nan)

    generator, count = np.random.default_rng(seed), len(rows.frame)
    donors = np.stack([generator.permutation(count) for _ in range(repeats)])
    scores = PermutedScores(score, rows.predictions, donors, seed=seed)
    if not np.isfinite(scores.whole):
        raise LeptonError(
            f"metric: {name} is undefined on the {rows.split} rows of {rows.predictor.folder}, "
            "whose targets do not vary enough; metric=NAME takes another one"
        )
    estimates = {
        label: scores.estimate(_permuted_predictions(rows, columns, donors))
        for label, columns in rows.inputs.items()
    }
    ordered = sorted(estimates.items(), key=lambda item: -item[1].value)
    return PermutedImportances(
        split=rows.split,
        metric=name,
        score=sign * scores.whole,
        larger_is_better=task.metrics[name],
        estimates=dict(ordered),
        repeats=repeats,
        rows=count,
        of=rows.of,
    )


def _permuted_predictions(
    rows: PredictedRows, columns: tuple[str, ...], donors: np.ndarray
) -> np.ndarray:
    """Predictions where the rows have these cells of their donors.

    Shapes: donors (repeats, rows) -> (repeats, rows, ...).
    """
    repeats, count = donors.shape
    parts = np.array_split(donors, -(-repeats * count // ROWS_AT_ONCE))
    return np.concatenate(
        [_predictions_of(rows, columns, some) for some in parts if len(some)]
    ).reshape(repeats, *rows.predictions.shape)


def _predictions_of(
    rows: PredictedRows, columns: tuple[str, ...], donors: np.ndarray
) -> np.ndarray:
    taken = np.tile(np.arange(donors.shape[1]), len(donors))
    frame = rows.frame.take(taken).reset_index(drop=True)
    for name in columns:
        frame[name] = rows.frame[name].take(donors.ravel()).array
    return rows.predict(frame)


def _metric_name(task: Task, metric: str | None, rows: PredictedRows) -> str:
    """Raises: LeptonError for a task that is not scored by what it stores; as the caller."""
    if not task.is_scored_as_stored:
        raise LeptonError(
            f"{rows.predictor.folder}: task {task.name} is not scored from predictions and targets "
            "alone, so that an input has no importance of this kind"
        )
    if metric is not None and metric not in task.metrics:
        raise LeptonError(
            f"metric: the task of {rows.predictor.folder} has no metric {metric!r}"
            f"{did_you_mean(metric, task.metrics)} ({', '.join(task.metrics)})"
        )
    return metric or task.monitor
