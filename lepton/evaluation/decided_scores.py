"""The metrics of predictions that a rule has calibrated and decided."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from lepton.decision.rule import DecisionRule
from lepton.decision.thresholds import DEFAULT
from lepton.storage.predictions import SplitPredictions
from lepton.task.base import Task

TRIED_ROWS = 64  # made up, by which metrics of decisions are told from others


def plain_rule(task: Task, classes: int) -> DecisionRule:
    """The rule of a run that has none."""
    columns = {"binary": 1, "multilabel": classes}.get(task.name, 0)
    return DecisionRule(thresholds=(DEFAULT,) * columns)


def decided_scores(
    task: Task, rows: SplitPredictions, rule: DecisionRule, names: list[str]
) -> dict[str, float]:
    """The metrics of these names: of decisions by what is decided, others by probabilities."""
    p = rule.probabilities(rows.prediction.double().numpy())
    decided = as_prediction(rule.decide(p), p)
    of_decisions = decision_metrics(task)
    values = task.score(decided, rows.target, only=[n for n in names if n in of_decisions])
    others = [name for name in names if name not in of_decisions]
    values |= task.score(torch.from_numpy(p), rows.target, only=others) if others else {}
    return {name: values[name] for name in names if name in values}


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
