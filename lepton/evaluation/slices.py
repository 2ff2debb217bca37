"""Slices: metrics on the rows of each value of each column, and which of these differ."""

from collections.abc import Mapping

import numpy as np
import torch

from lepton.errors import LeptonError, did_you_mean
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.evaluator import Evaluation, Evaluator
from lepton.metric.sample_errors import require_sample_errors, sample_errors
from lepton.stats.slices import EVALUATOR, slice_masks, slices
from lepton.storage.predictions import SplitPredictions
from lepton.task.base import Task
from lepton.values.bounds import AtLeast1, Between0And1


class Slices(Evaluator):
    """Scores the model on slices: the rows of one value of one column, or of one range of numbers.

    Metrics: `slices`, their number; `different`, those whose errors differ from the other rows'
    beyond chance; `worst/NAME`, each metric on the slice that errs most among the different ones,
    or on all rows where no slice is known to err more.
    The table `slices` has a row for each slice: slice, n, mean (error), low, high, p_holm, and the
    metrics.
    """

    def __init__(
        self,
        *,
        min_samples: AtLeast1,
        number_bins: AtLeast1,
        level: Between0And1,
        metrics: list[str] | None,
    ) -> None:
        """Raises: ValueError for numbers that are too small, and a level that is no probability."""
        for name, value in (("min_samples", min_samples), ("number_bins", number_bins)):
            if value < 1:
                raise ValueError(f"{name}: {value} is too small; 1 at least")
        if not 0 < level < 1:
            raise ValueError(f"level: {level} is not between 0 and 1")
        self.min_samples, self.number_bins, self.level = min_samples, number_bins, level
        self.metrics = metrics

    def check(self, task: Task) -> None:
        require_sample_errors(task.name)
        for name in self.metrics or ():
            if name not in task.metrics:
                hint = did_you_mean(name, task.metrics)
                raise LeptonError(
                    f"metrics: task {task.name} has no metric {name!r}{hint} "
                    f"({', '.join(task.metrics)})"
                )

    def evaluate(self, model: EvaluatedModel, seed: int) -> Evaluation:
        counted = model.predictions.counted
        clean = model.predictions.at(torch.from_numpy(counted))
        columns = model.inputs.slice_columns.iloc[counted].reset_index(drop=True)
        weight = None if clean.weight is None else clean.weight.numpy()
        errors = sample_errors(clean.prediction.numpy(), clean.target.numpy(), model.task.name)
        options = {"min_samples": self.min_samples, "number_bins": self.number_bins}
        table = slices(columns, errors, weight, level=self.level, **options)
        masks = dict(slice_masks(columns, **options))
        scores = [self._score(model.task, clean, masks[name]) for name in table["slice"]]
        overall = self._score(model.task, clean, np.ones(len(errors), bool))
        names = [*overall, *(name for score in scores for name in score if name not in overall)]
        table = table.assign(
            **{name: [score.get(name, np.nan) for score in scores] for name in dict.fromkeys(names)}
        )
        is_different = table["p_holm"] < self.level
        errs_more = table[is_different & (table["mean"] > np.average(errors, weights=weight))]
        worst = overall if errs_more.empty else scores[errs_more["mean"].idxmax()]
        metrics = {"slices": float(len(table)), "different": float(is_different.sum())}
        metrics |= {f"worst/{name}": value for name, value in worst.items()}
        return Evaluation(metrics, {EVALUATOR: table})

    def _score(self, task: Task, clean: SplitPredictions, mask: np.ndarray) -> Mapping[str, float]:
        """The metrics of these rows, without those that are undefined for them."""
        rows = clean.at(torch.tensor(mask))
        return task.score_rows(rows.prediction, rows.target, rows.weight, only=self.metrics)
