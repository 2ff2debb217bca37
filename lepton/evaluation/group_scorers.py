"""What is compared between groups: the metrics of a task, and of two classes the rates by which
decisions are called fair."""

from collections.abc import Mapping

import numpy as np
import torch

from lepton.decision.rule import DecisionRule
from lepton.evaluation.decided_scores import changed_metrics, decided_scorer, plain_rule
from lepton.evaluation.evaluator import RowScores
from lepton.evaluation.row_scores import scores_of_rows
from lepton.storage.predictions import SplitPredictions
from lepton.task.base import Task

DECIDED_TASKS = ("binary", "multiclass", "multilabel")
# the share of rows decided positive, and of the rows of each class
# Source: https://fairlearn.org/main/user_guide/assessment/common_fairness_metrics.html
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")
TRIED_ROWS = 64  # made up, by which metrics of each class are told from others


def compared_metrics(task: Task) -> list[str]:
    """The names of all that is compared for a task."""
    return [*task.metrics, *(RATES if task.name == "binary" else ())]


def group_scorer(task: Task, rows: SplitPredictions, rule: DecisionRule | None) -> RowScores:
    """What scores some of the rows, decided by a rule where there is one."""
    if task.name not in DECIDED_TASKS:
        return scores_of_rows(task, rows)
    rule = rule or plain_rule(task, len(task.spec.classes))
    scorer = decided_scorer(task, rows, rule, changed_metrics(task, calibrated=True), None)
    if task.name != "binary":
        return scorer
    is_decided = rule.decide(rule.probabilities(rows.prediction.double().numpy())) == 1
    is_positive, weight = rows.target.numpy() == 1, np.ones(len(rows.ids))
    weight = weight if rows.weight is None else rows.weight.numpy()

    def scores(positions: np.ndarray) -> Mapping[str, float]:
        some = (of_rows[positions] for of_rows in (is_decided, is_positive, weight))
        return {**scorer(positions), **_rates(*some)}

    return scores


def metrics_of_each_class(task: Task) -> list[str]:
    """Of two classes, the metrics to which it does not matter how many rows each class has, as the
    true positive rate and AUROC."""
    if task.name != "binary":
        return []
    generator = np.random.default_rng(0)
    target = torch.from_numpy(generator.integers(0, 2, TRIED_ROWS))
    prediction = torch.from_numpy(generator.uniform(size=TRIED_ROWS))
    ids = torch.arange(TRIED_ROWS)
    scores = group_scorer(task, SplitPredictions(ids, target, prediction), None)
    positives = np.flatnonzero(target.numpy())
    once, twice = scores(ids.numpy()), scores(np.concatenate([ids.numpy(), positives]))
    return [name for name, value in once.items() if np.isclose(value, twice[name], 1e-9, 1e-9)]


def _rates(is_decided: np.ndarray, is_positive: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """The rates of decisions by weights, without those of a class that no row has."""
    sides = (np.full(len(weight), True), is_positive, ~is_positive)
    return {
        name: float(np.average(is_decided[side], weights=weight[side]))
        for name, side in zip(RATES, sides, strict=True)
        if weight[side].any()
    }
