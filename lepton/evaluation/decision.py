"""Decision: thresholds and calibrations that validation chooses, and what they gain on test."""

import logging
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
import torch

from lepton.decision.choice import choose_rule, refuse_threshold
from lepton.decision.rule import DecisionRule
from lepton.errors import LeptonError
from lepton.evaluation.decided_scores import (
    COST,
    changed_metrics,
    decided_scorer,
    plain_rule,
)
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.evaluator import Evaluation, Evaluator, RowScores
from lepton.evaluation.gain_table import GAINS, shown_gains
from lepton.evaluation.shown_table import ShownTable
from lepton.stats.bootstrap import Intervals, bootstrap_intervals
from lepton.storage.followed_rule import TABLE
from lepton.storage.predictions import SplitPredictions
from lepton.task.base import Task
from lepton.values.bounds import AtLeast0

TASKS = ("binary", "multiclass", "multilabel")
# validation rows below which a line says so: of the rarest class, and in all of isotonic regression
# Source: https://scikit-learn.org/stable/modules/calibration.html#isotonic
FEW_OF_A_CLASS, FEW_FOR_ISOTONIC = 50, 1000
log = logging.getLogger("lepton")


class Decision(Evaluator):
    """Chooses a rule on the validation split, and scores the test split by it.

    Metrics: those that the rule changes, by it; `threshold` of two classes with the interval over
    resampled validation rows (`threshold_low`, `threshold_high`); with costs `cost`, the mean of a
    row, and `default/cost` without the rule. Predictions follow the table `decision_rule`; `gains`
    has a row for each metric: on val and test, without and with the rule.
    """

    def __init__(
        self,
        *,
        threshold: Literal["none", "f1", "balanced", "cost"] | float,
        costs: list[list[float]] | None,
        calibration: Literal["none", "temperature", "platt", "isotonic"],
        resamples: AtLeast0,
    ) -> None:
        """Raises: ValueError for a threshold that is no probability, and costs that are no square
        table of numbers, or none where they are needed."""
        if not isinstance(threshold, str) and not 0 < threshold < 1:
            raise ValueError(f"threshold: {threshold} is not between 0 and 1")
        if costs is None and threshold == "cost":
            raise ValueError("costs: null; threshold=cost needs them, as [[0,1],[5,0]]")
        if costs is not None and {len(row) for row in costs} != {len(costs)}:
            raise ValueError(f"costs: {costs} is not a row a true class, a column a decided one")
        self.threshold, self.calibration, self.resamples = threshold, calibration, resamples
        self.costs = None if costs is None else np.array(costs, dtype=float)

    def check(self, task: Task) -> None:
        if task.name not in TASKS:
            raise LeptonError(f"a task {task.name} decides for no class; there is no threshold")
        classes = len(task.spec.classes)
        sides = 2 if task.name == "multilabel" else classes
        if self.costs is not None and len(self.costs) != sides:
            raise LeptonError(f"costs: {len(self.costs)} rows, where {sides} sides are decided for")
        refuse_threshold(self.threshold, task=task.name, classes=classes)

    def evaluate(self, model: EvaluatedModel, seed: int) -> Evaluation:
        task, val, test = model.task, model.validation, model.predictions
        rule, scorers, scores = self._rule(task, val), {}, {}
        for split, rows in (("val", val), ("test", test)):
            for suffix, by in (("", plain_rule(task, len(model.spec.classes))), ("_decided", rule)):
                scorer = scorers[f"{split}{suffix}"] = self._scorer(task, rows, by)
                scores[f"{split}{suffix}"] = scorer(rows.counted)
        gains = pd.DataFrame({"metric": [*scores["test_decided"]]})
        for column, values in scores.items():
            gains[column] = gains["metric"].map(values).astype(float)
        gains["difference"] = gains["test_decided"] - gains["test"]
        limits = self._gain_intervals(scorers, test.counted, seed)
        sides = [limits.get(name, (np.nan, np.nan)) for name in gains["metric"]]
        gains[["low", "high"]] = np.array(sides, dtype=float).reshape(-1, 2)
        metrics = dict(scores["test_decided"])
        if COST in metrics:
            metrics[f"default/{COST}"] = scores["test"][COST]
        metrics |= self._threshold_metrics(task, val, rule, seed)
        self._warn(task, val, metrics)
        return Evaluation(metrics, {TABLE: rule.table(), GAINS: gains})

    def row_scores(self, model: EvaluatedModel) -> RowScores:
        rule = self._rule(model.task, model.validation)
        return self._scorer(model.task, model.predictions, rule)

    def shown(self, frames: Mapping[str, pd.DataFrame]) -> ShownTable:
        return shown_gains(frames[GAINS], DecisionRule.of_table(frames[TABLE]))

    def _rule(self, task: Task, rows: SplitPredictions) -> DecisionRule:
        return choose_rule(
            rows.prediction.double().numpy(),
            rows.target.long().numpy(),
            None if rows.weight is None else rows.weight.numpy(),
            task=task.name,
            threshold=self.threshold,
            costs=self.costs,
            calibration=self.calibration,
        )

    def _scorer(self, task: Task, rows: SplitPredictions, rule: DecisionRule) -> RowScores:
        names = changed_metrics(task, calibrated=self.calibration != "none")
        return decided_scorer(task, rows, rule, names, self.costs)

    def _gain_intervals(
        self, scorers: Mapping[str, RowScores], rows: np.ndarray, seed: int
    ) -> Intervals:
        """The intervals of what is gained on test, over its rows."""

        def gained(positions: np.ndarray) -> Mapping[str, float]:
            without, decided = scorers["test"](positions), scorers["test_decided"](positions)
            return {name: v - without[name] for name, v in decided.items() if name in without}

        return bootstrap_intervals(gained, rows, resamples=self.resamples, seed=seed)

    def _threshold_metrics(
        self, task: Task, rows: SplitPredictions, rule: DecisionRule, seed: int
    ) -> dict[str, float]:
        """The threshold of two classes; where rows chose it, its interval over such rows."""
        if task.name != "binary":
            return {}
        [threshold] = rule.thresholds

        def chosen(positions: np.ndarray) -> Mapping[str, float]:
            drawn = rows.at(torch.from_numpy(positions))
            return {"threshold": self._rule(task, drawn).thresholds[0]}

        if self.threshold not in ("f1", "balanced", "cost"):
            return {"threshold": threshold}
        options = {"resamples": self.resamples, "seed": seed}
        intervals = bootstrap_intervals(chosen, rows.counted, **options)
        low, high = intervals.get("threshold", (np.nan, np.nan))
        limits = {"threshold_low": low, "threshold_high": high} if self.resamples else {}
        return {"threshold": threshold, **limits}

    def _warn(self, task: Task, rows: SplitPredictions, metrics: Mapping[str, float]) -> None:
        """A line where validation is too small to choose by."""
        target = rows.target[torch.from_numpy(rows.counted)].long()
        count = len(target)
        columns = target.T if task.name == "multilabel" else target[None]
        sides = 2 if task.name == "multilabel" else len(task.spec.classes)
        rarest = min(int(column.bincount(minlength=sides).min()) for column in columns)
        if self.calibration == "isotonic" and count < FEW_FOR_ISOTONIC:
            log.warning(
                "isotonic calibration on %d validation rows follows their noise; platt and "
                "temperature need fewer than its %d",
                *(count, FEW_FOR_ISOTONIC),
            )
        if rarest >= FEW_OF_A_CLASS or (self.threshold, self.calibration) == ("none", "none"):
            return
        low, high = (metrics.get(f"threshold_{side}", np.nan) for side in ("low", "high"))
        spread = f": resampled, they give thresholds of {low:.2f} to {high:.2f}"
        log.warning(
            "validation has %d rows, %d of the rarest class, which is few to choose by%s",
            *(count, rarest, spread if np.isfinite(low) else ""),
        )
