"""Corruption: what a model does on inputs in which something goes wrong, more and more."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lepton.dataset.corruptions.corruptions import SEVERITIES, Corruptions, corruptions_of
from lepton.dataset.data import Rows
from lepton.dataset.inputs.find import kinds_in
from lepton.errors import LeptonError, did_you_mean
from lepton.evaluation.corruption_baseline import (
    baseline_errors,
    mean_corruption_error,
    refuse_other_data,
    summed_errors,
)
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.evaluator import Evaluation, Evaluator
from lepton.evaluation.shown_table import ShownTable
from lepton.seeds import derive
from lepton.task.base import Task
from lepton.training.learner import Learner
from lepton.values.bounds import AtLeast0, AtLeast1

TABLE, CLEAN = "corruption", "clean"


class Corruption(Evaluator):
    """Scores the rows under each corruption of their kind of inputs at each severity.

    Metrics: `mean/NAME`, each metric over all corruptions and severities; `CORRUPTION/NAME` of the
    monitored one, over severities; by a baseline `mce`, the mean over corruptions of the errors at
    all severities together by the baseline's.
    The table `corruption` has a row a corruption and severity, the first of the rows as they are.
    Source: Hendrycks & Dietterich 2019, https://arxiv.org/abs/1903.12261
    """

    def __init__(
        self,
        *,
        corruptions: list[str] | None,
        severities: list[AtLeast1],
        baseline: str | None,
        data_seed: AtLeast0,
    ) -> None:
        """Raises: ValueError for severities that there are not, and for no corruption."""
        if not severities or not {*severities} <= {*SEVERITIES}:
            raise ValueError(f"severities: {severities} are not some of 1 to {SEVERITIES[-1]}")
        self.severities, self.data_seed = sorted({*severities}), data_seed
        if corruptions == []:
            raise ValueError("corruptions: [] are none; null are all of the kinds of inputs")
        self.corruptions = corruptions
        self.baseline = None if baseline is None else Path(baseline)

    def check(self, task: Task) -> None:
        known = [n for kind in kinds_in(task.spec) for n in corruptions_of(kind).names(task.spec)]
        if not known:
            held = ", ".join(task.spec.kinds) or "none"
            raise LeptonError(f"inputs of the kind {held} have no corruptions")
        for name in self.corruptions or ():
            if name not in known:
                hint, listed = did_you_mean(name, known), ", ".join(known)
                raise LeptonError(f"corruptions: {name!r} is none of these inputs{hint} ({listed})")
        if self.baseline is not None:
            baseline_errors(self.baseline, self._settings(known), task)

    def check_run(self, learner: Learner, config: Mapping[str, Any]) -> None:
        if self.baseline is not None:
            refuse_other_data(self.baseline, config)

    def evaluate(self, model: EvaluatedModel, seed: int) -> Evaluation:
        if self.baseline is not None:
            refuse_other_data(self.baseline, model.config)
        rows = model.ordered_rows
        found = [self._scores(model, CLEAN, 0, rows)]
        kinds = [corruptions_of(type(kind))(kind) for kind in model.kinds]
        of_kinds = {name: kind for kind in kinds for name in kind.names(model.spec)}
        for name, kind in of_kinds.items():
            if name not in (self.corruptions or of_kinds):
                continue
            for severity in self.severities:
                corrupted = self._corrupted(model, kind, name, severity, rows)
                found.append(self._scores(model, name, severity, corrupted))
        table = pd.DataFrame(found)
        return Evaluation(self._metrics(model.task, table, [*of_kinds]), {TABLE: table})

    def shown(self, frames: Mapping[str, pd.DataFrame]) -> ShownTable:
        table = frames[TABLE]
        metrics = table.columns[2:]
        means = table.groupby("corruption", sort=False)[[*metrics]].mean()
        texts = pd.DataFrame({"corruption": means.index})
        for name in metrics:
            texts[name] = [f"{value:.4f}" for value in means[name]]
        severities = ", ".join(map(str, self.severities))
        return ShownTable(texts, [f"means over the severities {severities}"])

    def _metrics(self, task: Task, table: pd.DataFrame, known: list[str]) -> dict[str, float]:
        corrupted = table[table["severity"] > 0]
        means = corrupted.drop(columns=["corruption", "severity"]).mean().dropna()
        metrics = {f"mean/{name}": float(value) for name, value in means.items()}
        by_name = corrupted.groupby("corruption", sort=False)
        if task.monitor in table:
            of_each = by_name[task.monitor].mean().dropna()
            metrics |= {f"{n}/{task.monitor}": float(value) for n, value in of_each.items()}
        if self.baseline is not None:
            errors = baseline_errors(self.baseline, self._settings(known), task)
            metrics["mce"] = mean_corruption_error(summed_errors(corrupted, task), errors)
        return metrics

    def _settings(self, known: list[str]) -> dict[str, object]:
        """What a baseline must share."""
        chosen = self.corruptions or known
        return {
            "corruptions": [name for name in known if name in chosen],
            "severities": self.severities,
            "data_seed": self.data_seed,
        }

    def _corrupted(
        self, model: EvaluatedModel, kind: Corruptions, name: str, severity: int, rows: Rows
    ) -> Rows:
        """The rows with inputs of one kind corrupted; at all severities by the same numbers."""
        generator = np.random.default_rng(derive(self.data_seed, f"corruption.{name}"))
        raw = model.inputs.inputs
        return {**rows, **kind.corrupted(name, severity, raw, rows, generator)}

    def _scores(self, model: EvaluatedModel, name: str, severity: int, rows: Rows) -> dict:
        return {
            **{"corruption": name, "severity": severity},
            **model.task.summarize(model.states(rows)),
        }
