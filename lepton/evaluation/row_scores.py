"""Scores of some of the stored rows, by their positions."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch

from lepton.evaluation.evaluator import RowScores
from lepton.storage.predictions import SplitPredictions
from lepton.task.base import Task


def scores_of_rows(
    task: Task, rows: SplitPredictions, *, only: Iterable[str] | None = None
) -> RowScores:
    """What scores some of the rows as the task does; where `only` names some, by these metrics."""

    def score(positions: np.ndarray) -> Mapping[str, float]:
        some = rows.at(torch.from_numpy(positions))
        return task.score_rows(some.prediction, some.target, some.weight, only=only)

    return score


def differences(scores: RowScores, before: RowScores) -> RowScores:
    """By how much scores of the same rows differ from others, of the metrics that both have."""

    def score(positions: np.ndarray) -> Mapping[str, float]:
        values, earlier = scores(positions), before(positions)
        return {name: value - earlier[name] for name, value in values.items() if name in earlier}

    return score
