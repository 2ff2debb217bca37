"""Tta: the mean of what a network says of augmented copies of a row, beside the row as it is."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.errors import LeptonError
from lepton.evaluation.augmentation_nodes import augmentation_nodes, build_augmentations
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.evaluator import Evaluation, Evaluator, RowScores, batch_draw
from lepton.evaluation.row_scores import differences, scores_of_rows
from lepton.evaluation.shown_table import ShownTable, with_limits
from lepton.method import Batch, Method, requested
from lepton.seeds import derive
from lepton.stats.bootstrap import bootstrap_intervals
from lepton.storage.predictions import SplitPredictions
from lepton.task.base import Task
from lepton.training.learner import Learner
from lepton.training.network import Network
from lepton.values.bounds import AtLeast0, AtLeast1

GAINS = "gains"  # the table


class Tta(Evaluator):
    """Scores the mean prediction of a network over augmented copies of each row.

    Metrics: those of the mean. The table `gains` has a row for each of them: on the rows as they
    are, by the mean, the difference and its bootstrap interval over rows.
    Source: Krizhevsky et al. 2012, https://doi.org/10.1145/3065386, section 4.1
    """

    def __init__(
        self,
        *,
        augmentation: dict[str, dict[str, Any]] | None,
        draws: AtLeast1,
        resamples: AtLeast0,
    ) -> None:
        self.augmentation, self.draws, self.resamples = augmentation, draws, resamples

    def check(self, task: Task) -> None:
        if not task.is_scored_as_stored:
            raise LeptonError(f"task {task.name} is not scored by a prediction a row")

    def check_run(self, learner: Learner, config: Mapping[str, Any]) -> None:
        self._methods(learner, learner.task, config)

    def evaluate(self, model: EvaluatedModel, seed: int) -> Evaluation:
        methods = self._methods(model.learner, model.task, model.config)
        predicted = [self._predicted(model, methods, derive(seed, d)) for d in range(self.draws)]
        mean = torch.stack([values.double() for values in predicted]).mean(0)
        clean = model.predictions
        rows = SplitPredictions(clean.ids, clean.target, mean, clean.weight)
        by_mean, before = scores_of_rows(model.task, rows), scores_of_rows(model.task, clean)
        table = self._gains(by_mean, before, clean.counted, seed)
        metrics = dict(zip(table["metric"], table["tta"].astype(float), strict=True))
        return Evaluation(metrics, {GAINS: table})

    def shown(self, frames: Mapping[str, pd.DataFrame]) -> ShownTable:
        rows = [
            {
                **{"metric": row.metric, "as they are": f"{row.clean:.4f}"},
                "mean of augmented": f"{row.tta:.4f}",
                "difference [95 %]": with_limits(row.difference, row.low, row.high, sign="+"),
            }
            for row in frames[GAINS].itertuples()
        ]
        return ShownTable(pd.DataFrame(rows), [f"{self.draws} augmented copies of each row"])

    def _methods(self, learner: Any, task: Task, config: Mapping[str, Any]) -> list[Method]:
        """The augmentations, ready for the inputs of a network.

        Raises: LeptonError for another model, and for augmentations that it cannot average over.
        """
        if not isinstance(learner, Network):
            raise LeptonError("model: it is no network of the group model, whose inputs change")
        nodes = augmentation_nodes(self.augmentation, config)
        return build_augmentations(nodes, learner.model, task.spec)

    def _predicted(self, model: EvaluatedModel, methods: list[Method], seed: int) -> Tensor:
        """What the network says of one copy of each row, in the order of the predictions."""
        learner: Any = model.learner
        network, task = learner.model, model.task

        def changed(batch: Batch) -> Tensor:
            for method in methods:
                draw = batch_draw(derive(seed, method.stream_name), 0)
                given = {"draw": draw, "model": network, "task": task, "progress": torch.ones(())}
                batch = method.on_batch(batch, **requested(type(method).on_batch, **given))
            return task.keep(task.predict(task.forward(network, batch)))

        return learner.outputs(model.ordered_rows, changed)

    def _gains(
        self, by_mean: RowScores, before: RowScores, rows: np.ndarray, seed: int
    ) -> pd.DataFrame:
        values, clean = by_mean(rows), before(rows)
        gained = differences(by_mean, before)
        limits = bootstrap_intervals(gained, rows, resamples=self.resamples, seed=seed)
        found = [
            (name, clean[name], value, value - clean[name], *limits.get(name, (np.nan, np.nan)))
            for name, value in values.items()
            if name in clean
        ]
        return pd.DataFrame(found, columns=["metric", "clean", "tta", "difference", "low", "high"])
