"""The metrics of predictions that a rule has calibrated and decided."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from lepton.decision.rule import DecisionRule
from lepton.decision.thresholds import DEFAULT
from lepton.evaluation.evaluator import RowScores
from lepton.storage.predictions import SplitPredictions
from lepton.task.base import Task

COST = "cost"
TRIED_ROWS = 64  # made up, by which metrics of decisions are told from others


def plain_rule(task: Task, classes: int) -> DecisionRule:
    """The rule of a run that has none."""
    columns = {"binary": 1, "multilabel": classes}.get(task.name, 0)
    return DecisionRule(thresholds=(DEFAULT,) * columns)


@dataclass(frozen=True)
class ChangedMetrics:
    """The names of the metrics that a rule changes: those of decisions, and of probabilities."""

    of_decisions: list[str]
    of_probabilities: list[str]


def changed_metrics(task: Task, *, calibrated: bool) -> ChangedMetrics:
    """The metrics of decisions, and all others where probabilities are calibrated."""
    of_decisions = decision_metrics(task)
    others = [name for name in task.metrics if name not in of_decisions]
    return ChangedMetrics(of_decisions, others if calibrated else [])


def decided_scorer(
    task: Task,
    rows: SplitPredictions,
    rule: DecisionRule,
    names: ChangedMetrics,
    costs: np.ndarray | None,
) -> RowScores:
    """What scores some of the rows by a rule; with costs also the mean cost of a row."""
    p = rule.probabilities(rows.prediction.double().numpy())
    numbers = rule.decide(p)
    decided, probabilities = as_prediction(numbers, p), torch.from_numpy(p)
    row_costs = None if costs is None else costs[rows.target.long().numpy(), numbers.astype(int)]

    def score(positions: np.ndarray) -> dict[str, float]:
        some = torch.from_numpy(positions)
        drawn = rows.at(some)
        compared = drawn.target, drawn.weight
        values = task.score_rows(decided[some], *compared, only=names.of_decisions)
        if names.of_probabilities:
            values |= task.score_rows(probabilities[some], *compared, only=names.of_probabilities)
        ordered = {name: values[name] for name in task.metrics if name in values}
        if row_costs is None:
            return ordered
        weights = None if drawn.weight is None else drawn.weight.numpy()
        return {**ordered, COST: np.average(row_costs[positions], weights=weights)}

    return score


def as_prediction(decided: np.ndarray, p: np.ndarray) -> Tensor:
    """Decisions as probabilities of 0 and 1, in the shape of these."""
    numbers = torch.from_numpy(decided)
    is_class = p.ndim == 2 and numbers.ndim == 1
    return (one_hot(numbers, p.shape[1]) if is_class else numbers).double()


def decision_metrics(task: Task) -> list[str]:
    """The metrics of a task that see nothing of probabilities but what is decided by them."""
    generator = np.random.default_rng(0)
    classes = len(task.spec.classes)
    p = generator.uniform(size=TRIED_ROWS if task.name == "binary" else (TRIED_ROWS, classes))
    p = p / p.sum(1, keepdims=True) if task.name == "multiclass" else p
    shape = p.shape if task.name == "multilabel" else TRIED_ROWS
    sides = classes if task.name == "multiclass" else 2
    truth = torch.from_numpy(generator.integers(0, sides, shape))
    decided = as_prediction(plain_rule(task, classes).decide(p), p)
    by_p, by_decided = (task.score(v, truth) for v in (torch.from_numpy(p), decided))
    return [n for n in task.metrics if n in by_p and by_p[n] == by_decided.get(n)]
