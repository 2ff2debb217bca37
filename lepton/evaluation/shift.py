"""Shift: what a model does on its worst group of rows, and on later rows than others."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from lepton.dataset.split.splitters import time_values
from lepton.errors import DataError, LeptonError, did_you_mean
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.evaluator import Evaluation, Evaluator
from lepton.evaluation.row_scores import scores_of_rows
from lepton.evaluation.shown_table import ShownTable, with_limits
from lepton.metric.ranges import metric_range
from lepton.stats.bootstrap import Intervals
from lepton.stats.group_values import GroupValues, Interval, group_values
from lepton.stats.slices import slice_values
from lepton.task.base import Task
from lepton.values.bounds import AtLeast0, AtLeast1

GROUPS, PERIODS, SUMMARY = "groups", "periods", "summary"  # the tables
MISSING = "(missing)"  # the name of rows without a value, which are no group


class Partition(NamedTuple):
    """Rows in groups: the number of each row's group, or -1, and a row a group with its name."""

    numbers: np.ndarray
    names: pd.DataFrame


class Shift(Evaluator):
    """Scores groups of rows by the values of a column, and periods by a column of time.

    Metrics: by groups `worst/NAME` and `NAME/difference`, the largest value minus the smallest; by
    time `last/NAME`, of the last period, and `trend/NAME`, by how much the line through all periods
    rises from the first to the last.
    The table `summary` has their intervals, `groups` and `periods` a row a group and metric.
    """

    def __init__(
        self,
        *,
        column: str | None,
        time: str | None,
        periods: AtLeast1,
        min_samples: AtLeast1,
        number_bins: AtLeast1,
        metrics: list[str] | None,
        resamples: AtLeast0,
    ) -> None:
        """Raises: ValueError where no column or no metric is named, and for a single period."""
        if column is None and time is None:
            raise ValueError("column: null and time: null; name one, as column=sex or time=date")
        if time is not None and periods < 2:
            raise ValueError(f"periods: {periods} is too small; 2 at least")
        if metrics == []:
            raise ValueError("metrics: [] are none; null are all that the task has")
        self.column, self.time, self.periods = column, time, periods
        self.min_samples, self.number_bins = min_samples, number_bins
        self.metrics, self.resamples = metrics, resamples

    def check(self, task: Task) -> None:
        if not task.is_scored_as_stored:
            raise LeptonError(f"task {task.name} is not scored by a prediction a row")
        for name in self.metrics or ():
            if name not in task.metrics:
                known, hint = ", ".join(task.metrics), did_you_mean(name, task.metrics)
                raise LeptonError(
                    f"metrics: task {task.name} has no metric {name!r}{hint} ({known})"
                )

    def columns(self) -> list[str]:
        return [name for name in (self.column, self.time) if name is not None]

    def evaluate(self, model: EvaluatedModel, seed: int) -> Evaluation:
        frames, found = {}, dict[str, Interval]()
        if self.column is not None:
            groups = self._groups(model, self.column)
            values = self._values(model, groups.numbers, seed)
            frames[GROUPS] = _long_table(groups.names, values)
            for name in values.metrics:
                better = model.task.metrics[name]
                found[f"worst/{name}"] = values.worst(name, larger_is_better=better)
                found[f"{name}/difference"] = values.difference(name)
        if self.time is not None:
            periods = self._periods(model, self.time)
            values = self._values(model, periods.numbers, seed)
            frames[PERIODS] = _long_table(periods.names, values)
            for name in values.metrics:
                found[f"last/{name}"] = values.of_last(name)
                found[f"trend/{name}"] = values.trend(name)
        rows = [(name, *limits) for name, limits in found.items() if np.isfinite(limits[0])]
        summary = pd.DataFrame(rows, columns=["metric", "value", "low", "high"])
        metrics = dict(zip(summary["metric"], summary["value"].astype(float), strict=True))
        return Evaluation(metrics, {SUMMARY: summary, **frames})

    def shown(self, frames: Mapping[str, pd.DataFrame]) -> ShownTable:
        rows, lines = [], []
        for frame, column in ((GROUPS, self.column), (PERIODS, self.time)):
            if column is None:
                continue
            table = frames[frame]
            for name, some in table[table["compared"]].groupby("group", sort=False):
                values = some[["metric", "value", "low", "high"]].itertuples(index=False, name=None)
                cells = {metric: with_limits(*limits) for metric, *limits in values}
                rows.append({"of": f"{column}: {name}", "rows": str(some["n"].iloc[0]), **cells})
            small = table[~table["compared"]].drop_duplicates("group")
            if len(small):
                left = ", ".join(f"{row.group} ({row.n})" for row in small.itertuples())
                lines.append(f"left out, too few rows: {left}")
        rows = pd.DataFrame(rows).fillna("")
        return ShownTable(rows, [*lines, "[ ]: 95 %, that all groups of a metric are held at once"])

    def intervals(self, frames: Mapping[str, pd.DataFrame]) -> Intervals:
        known = frames[SUMMARY].dropna(subset=["low"])
        return {row.metric: (row.low, row.high) for row in known.itertuples()}

    def _values(self, model: EvaluatedModel, numbers: np.ndarray, seed: int) -> GroupValues:
        score = scores_of_rows(model.task, model.predictions, only=self.metrics)
        return group_values(score, numbers, resamples=self.resamples, seed=seed)

    def _groups(self, model: EvaluatedModel, column: str) -> Partition:
        """Raises: LeptonError where fewer than two groups are left."""
        cells = slice_values(model.inputs.column(column), self.number_bins)
        values = cells.fillna(MISSING).astype(str).to_numpy(object)
        values = np.where(_counts(model), values, MISSING)  # a row of weight 0 is of no group
        names, sizes = np.unique(values[_counts(model)], return_counts=True)
        is_large = (sizes >= self.min_samples) & (names != MISSING)
        if is_large.sum() < 2:
            listed = ", ".join(f"{name} ({n})" for name, n in zip(names, sizes, strict=True))
            raise LeptonError(
                f"column {column}: two groups of {self.min_samples} rows are needed; "
                f"it has {listed}"
            )
        table = pd.DataFrame({"group": names, "n": sizes, "compared": is_large})
        places = {name: place for place, name in enumerate(names[is_large])}
        return Partition(np.array([places.get(value, -1) for value in values]), table)

    def _periods(self, model: EvaluatedModel, column: str) -> Partition:
        """Raises: LeptonError for cells that are no time, and rows that all have one."""
        cells = model.inputs.column(column).reset_index(drop=True)
        try:
            times = time_values(cells)
        except DataError as e:
            raise LeptonError(f"time {column}: {e}") from None
        known = np.flatnonzero(times.notna().to_numpy() & _counts(model))
        own = times.iloc[known].to_numpy()
        place = np.searchsorted(np.sort(own), own, side="left") * self.periods // max(len(own), 1)
        found, place = np.unique(place, return_inverse=True)
        if len(found) < 2:
            raise LeptonError(f"time {column}: rows of two different times are needed")
        numbers = np.full(len(cells), -1)
        numbers[known] = place
        spans = [(own[place == p].min(), own[place == p].max()) for p in range(len(found))]
        names = [f"{_time_text(first)} to {_time_text(last)}" for first, last in spans]
        counts = np.bincount(place)
        return Partition(numbers, pd.DataFrame({"group": names, "n": counts, "compared": True}))


def _counts(model: EvaluatedModel) -> np.ndarray:
    """Which rows count, all but those of weight 0. Shapes: -> (rows,) bool."""
    counts = np.zeros(len(model.predictions.ids), dtype=bool)
    counts[model.predictions.counted] = True
    return counts


def _long_table(groups: pd.DataFrame, values: GroupValues) -> pd.DataFrame:
    """A row a group and metric, and one for each group that is too small, without a metric."""
    low, high = values.limits()
    compared = groups[groups["compared"]].reset_index(drop=True)
    rows = [
        {
            **group,
            "metric": name,
            "value": values.values[g, m],
            **_bounds(name, low[g, m], high[g, m]),
        }
        for g, group in enumerate(compared.to_dict("records"))
        for m, name in enumerate(values.metrics)
    ]
    rows += groups[~groups["compared"]].to_dict("records")
    return pd.DataFrame(rows)


def _bounds(metric: str, low: float, high: float) -> dict[str, float]:
    least, most = metric_range(metric)
    return {"low": float(np.clip(low, least, most)), "high": float(np.clip(high, least, most))}


def _time_text(time: object) -> str:
    return str(pd.Timestamp(time).date()) if isinstance(time, np.datetime64) else f"{time:g}"
