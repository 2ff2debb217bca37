"""Gaps: how far metrics of groups of rows lie apart, and whether that is more than chance."""

from collections.abc import Collection, Mapping
from functools import partial

import numpy as np
import pandas as pd

from lepton.errors import LeptonError, did_you_mean
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.evaluator import Evaluation, Evaluator, RowScores
from lepton.evaluation.gap_tables import (
    GAPS,
    GROUPS,
    REST,
    by_metric,
    gap_table,
    rest_table,
    shown_gaps,
)
from lepton.evaluation.group_scorers import compared_metrics, group_scorer, metrics_of_each_class
from lepton.evaluation.shown_table import ShownTable
from lepton.stats.bootstrap import Intervals
from lepton.stats.group_gaps import GroupGaps, group_gaps
from lepton.stats.slices import slice_values
from lepton.task.base import Task
from lepton.values.bounds import AtLeast0, AtLeast1, Between0And1

DIFFERENCE = "difference"
MISSING = "(missing)"  # the name of rows without a value, which are no group
MAX_NAMED = 8  # groups in a line on what is wrong with them


class Gaps(Evaluator):
    """Compares metrics between the groups that a column makes, decided as the run decides.

    Metrics: `groups`, how many are compared; `different`, the metrics whose largest difference is
    beyond chance; `NAME/difference`, the largest value minus the smallest.
    The table `gaps` has a row a metric, `against_rest` one a group and metric, `groups` one a
    group: what is too small is no group of the others.
    """

    follows_rule = True

    def __init__(
        self,
        *,
        column: str | None,
        min_samples: AtLeast1,
        min_of_class: AtLeast1,
        number_bins: AtLeast1,
        level: Between0And1,
        metrics: list[str] | None,
        resamples: AtLeast0,
        shuffles: AtLeast1,
    ) -> None:
        """Raises: ValueError where no column is named."""
        if column is None:
            raise ValueError("column: null; name the column of the groups, as column=sex")
        self.column, self.metrics, self.level = column, metrics, level
        self.min_samples, self.min_of_class = min_samples, min_of_class
        self.number_bins, self.resamples, self.shuffles = number_bins, resamples, shuffles

    def check(self, task: Task) -> None:
        if not task.is_scored_as_stored:
            raise LeptonError(f"task {task.name} is not scored by a prediction a row")
        known = compared_metrics(task)
        for name in self.metrics or ():
            if name not in known:
                hint = did_you_mean(name, known)
                raise LeptonError(f"metrics: no metric {name!r}{hint} ({', '.join(known)})")

    def columns(self) -> list[str]:
        return [self.column]

    def evaluate(self, model: EvaluatedModel, seed: int) -> Evaluation:
        groups = self._groups(model)
        names = list(groups.loc[groups["compared"], "group"])
        numbers = self._values(model).map({name: i for i, name in enumerate(names)})
        rows = np.intersect1d(np.flatnonzero(numbers.notna()), model.predictions.counted)
        parts = self._parts(model, rows, numbers.iloc[rows].to_numpy(int), seed)
        wanted = self.metrics or compared_metrics(model.task)
        gaps = by_metric(gap_table(parts, names), wanted)
        metrics = {
            "groups": float(len(names)),
            "different": float((gaps["p"] < self.level).sum()),
        }
        found = gaps.set_index("metric")["difference"]
        metrics |= {f"{name}/{DIFFERENCE}": float(value) for name, value in found.items()}
        rest = by_metric(rest_table(parts, names), wanted)
        return Evaluation(metrics, {GAPS: gaps, REST: rest, GROUPS: groups})

    def shown(self, frames: Mapping[str, pd.DataFrame]) -> ShownTable:
        return shown_gaps(frames, self.column, self.level)

    def intervals(self, frames: Mapping[str, pd.DataFrame]) -> Intervals:
        limits = frames[GAPS].dropna(subset=["low"]).set_index("metric")[["low", "high"]]
        rows = limits.itertuples(name=None)
        return {f"{name}/{DIFFERENCE}": (low, high) for name, low, high in rows}

    def _parts(
        self, model: EvaluatedModel, rows: np.ndarray, groups: np.ndarray, seed: int
    ) -> list[GroupGaps]:
        """The gaps of the metrics of each class, whose rows are shuffled apart, and of all others.

        Shapes: rows (compared,), positions; groups (compared,), the number of each one's group.
        """
        score = group_scorer(model.task, model.predictions, model.rule)
        of_class = metrics_of_each_class(model.task)
        wanted = self.metrics or compared_metrics(model.task)
        parts = []
        for strata, names in (
            (model.predictions.target.numpy()[rows], {*wanted} & {*of_class}),
            (np.zeros(len(rows)), {*wanted} - {*of_class}),
        ):
            if names:
                part = group_gaps(
                    partial(_some, score, rows, names),
                    groups,
                    strata.astype(int),
                    resamples=self.resamples,
                    shuffles=self.shuffles,
                    seed=seed,
                )
                parts.append(part)
        return parts

    def _groups(self, model: EvaluatedModel) -> pd.DataFrame:
        """A row a group: its name, how many rows that count it has, and whether these are enough.

        Raises: LeptonError where fewer than two groups are left.
        """
        counted = model.predictions.counted
        values = self._values(model).iloc[counted]
        sizes = values.fillna(MISSING).value_counts().sort_index()
        groups = pd.DataFrame({"group": sizes.index.astype(str), "rows": sizes.to_numpy()})
        is_large = (groups["rows"] >= self.min_samples) & (groups["group"] != MISSING)
        if model.task.name == "binary":
            classes = model.predictions.target.numpy()[counted] == 1
            rarest = pd.crosstab(values.to_numpy(), classes)
            rarest = rarest.reindex(columns=[False, True], fill_value=0).min(axis=1)
            is_large &= groups["group"].map(rarest).fillna(0) >= self.min_of_class
        groups["compared"] = is_large.astype(bool)
        if groups["compared"].sum() < 2:
            sizes_text = ", ".join(f"{g} ({n})" for g, n in sizes.head(MAX_NAMED).items())
            raise LeptonError(
                f"column {self.column}: two groups of {self.min_samples} rows are needed, of two "
                f"classes with {self.min_of_class} of each; it has {sizes_text}"
            )
        return groups

    def _values(self, model: EvaluatedModel) -> pd.Series:
        """The group of each row as a text, missing where the column is.

        Raises: LeptonError for a column that the data do not have.
        """
        column = model.inputs.column(self.column)
        return slice_values(column, self.number_bins).reset_index(drop=True)


def _some(
    score: RowScores, rows: np.ndarray, names: Collection[str], positions: np.ndarray
) -> dict[str, float]:
    """Some metrics of some of the rows."""
    return {name: value for name, value in score(rows[positions]).items() if name in names}
