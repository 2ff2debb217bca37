"""Calibration: how far probabilities can be believed, before and after validation calibrates."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
import torch

from lepton.decision.choice import choose_rule
from lepton.errors import LeptonError
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.evaluator import Evaluation, Evaluator
from lepton.evaluation.reliability import (
    drawn_outcomes,
    ece_interval,
    reliability_table,
    without_bias,
)
from lepton.evaluation.row_scores import differences, scores_of_rows
from lepton.evaluation.shown_table import ShownTable, with_limits
from lepton.stats.bootstrap import Intervals, bootstrap_intervals
from lepton.storage.predictions import SplitPredictions
from lepton.task.base import Task
from lepton.values.bounds import AtLeast0

TASKS = ("binary", "multiclass", "multilabel")
BEFORE = "before"  # the name of probabilities as the model gives them
ERRORS = ("ece", "brier", "log_loss")
ECE, ERROR_TABLE, RELIABILITY = "ece", "calibration", "reliability"


class Calibration(Evaluator):
    """Scores probabilities as they are, and by each calibration that validation rows fit.

    Metrics: `before/NAME` and `METHOD/NAME` of ece, brier and log_loss; `before/ece_by_chance`, the
    mean ece that the same probabilities would have if they were right.
    The table `calibration` has a row a method and error: its value, and its difference to `before`,
    with bootstrap intervals over test rows; `reliability` one a method and bin of probabilities.
    Source: Naeini et al. 2015, https://doi.org/10.1609/aaai.v29i1.9602, for the error; Bröcker &
        Smith 2007, https://doi.org/10.1175/WAF993.1, section 3, for what chance alone makes of it
    """

    def __init__(
        self,
        *,
        methods: list[Literal["temperature", "platt", "isotonic"]],
        resamples: AtLeast0,
    ) -> None:
        self.methods, self.resamples = methods, resamples

    def check(self, task: Task) -> None:
        if task.name not in TASKS or not task.is_scored_as_stored:
            raise LeptonError(f"a task {task.name} has no probabilities to calibrate")

    def evaluate(self, model: EvaluatedModel, seed: int) -> Evaluation:
        task, test = model.task, model.predictions
        calibrated = {BEFORE: test}
        for method in self.methods:
            calibrated[method] = self._calibrated(task, model.validation, test, method)
        tables = [
            self._errors(task, rows, test, seed).assign(method=name)
            for name, rows in calibrated.items()
        ]
        table = pd.concat(tables, ignore_index=True)
        metrics = {f"{row.method}/{row.metric}": float(row.value) for row in table.itertuples()}
        if self.resamples:
            by_chance = table.loc[table["metric"] == ECE, "by_chance"]
            metrics[f"{BEFORE}/ece_by_chance"] = float(by_chance.iloc[0])
        reliability = [
            reliability_table(task, rows).assign(method=name) for name, rows in calibrated.items()
        ]
        frames = {ERROR_TABLE: table, RELIABILITY: pd.concat(reliability, ignore_index=True)}
        return Evaluation(metrics, frames)

    def shown(self, frames: Mapping[str, pd.DataFrame]) -> ShownTable:
        table = frames[ERROR_TABLE]
        rows = [
            {
                "probabilities": name,
                **{row.metric: with_limits(row.value, row.low, row.high) for row in group},
                "log_loss, difference": _last_difference(group),
            }
            for name, group in (
                (name, [*some.itertuples()]) for name, some in table.groupby("method", sort=False)
            )
        ]
        bins = frames[RELIABILITY]["bins"].iloc[0]
        lines = [f"ece: {bins} bins of equal width (task.calibration_bins); [ ]: 95 %, over rows"]
        return ShownTable(pd.DataFrame(rows), lines)

    def intervals(self, frames: Mapping[str, pd.DataFrame]) -> Intervals:
        known = frames[ERROR_TABLE].dropna(subset=["low"])
        return {f"{row.method}/{row.metric}": (row.low, row.high) for row in known.itertuples()}

    def _calibrated(
        self, task: Task, val: SplitPredictions, test: SplitPredictions, method: str
    ) -> SplitPredictions:
        rule = choose_rule(
            val.prediction.double().numpy(),
            val.target.long().numpy(),
            None if val.weight is None else val.weight.numpy(),
            **{"task": task.name, "threshold": "none", "costs": None, "calibration": method},
        )
        p = rule.probabilities(test.prediction.double().numpy())
        return replace(test, prediction=torch.from_numpy(p))

    def _errors(
        self, task: Task, rows: SplitPredictions, before: SplitPredictions, seed: int
    ) -> pd.DataFrame:
        """A row an error of these probabilities, with its difference to those before."""
        names = [name for name in ERRORS if name in task.metrics]
        score, earlier = (scores_of_rows(task, side, only=names) for side in (rows, before))
        values, first = score(rows.counted), earlier(rows.counted)
        options = {"resamples": self.resamples, "seed": seed}
        limits = bootstrap_intervals(score, rows.counted, **options)
        gains = bootstrap_intervals(differences(score, earlier), rows.counted, **options)
        by_chance = self._eces_by_chance(task, rows, seed)
        if ECE in limits:
            limits[ECE] = ece_interval(values[ECE], limits[ECE], by_chance)
            gains[ECE] = without_bias(values[ECE] - first[ECE], gains[ECE])
        return pd.DataFrame(
            [
                {
                    **{"metric": name, "value": value, **_limits("", limits.get(name))},
                    "difference": value - first[name],
                    **_limits("difference_", None if rows is before else gains.get(name)),
                    "by_chance": by_chance.mean() if name == ECE and len(by_chance) else np.nan,
                }
                for name, value in values.items()
            ]
        )

    def _eces_by_chance(self, task: Task, rows: SplitPredictions, seed: int) -> np.ndarray:
        """The eces of outcomes that are drawn from the probabilities themselves."""
        generator = np.random.default_rng(seed)
        counted = rows.at(torch.from_numpy(rows.counted))
        return np.array(
            [
                task.score_rows(counted.prediction, target, counted.weight, only=[ECE])[ECE]
                for target in drawn_outcomes(task, counted, self.resamples, generator)
            ]
        )


def _limits(prefix: str, limits: tuple[float, float] | None) -> dict[str, float]:
    low, high = limits or (np.nan, np.nan)
    return {f"{prefix}low": low, f"{prefix}high": high}


def _last_difference(rows: list) -> str:
    row = rows[-1]
    if row.method == BEFORE:
        return ""
    return with_limits(row.difference, row.difference_low, row.difference_high, sign="+")
