"""Metrics of groups of rows, with intervals that hold all groups at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

Score = Callable[[np.ndarray], Mapping[str, float]]  # metrics of rows by their positions
# mean error of drawn rows, in their spread, from which on drawing alone changes a metric, as ece
DRAWING_MATTERS, CHANCE = 0.3, 2.0  # and standard errors of that mean
Interval = tuple[float, float, float]  # value, low, high


@dataclass(frozen=True)
class GroupValues:
    """Metrics of groups and what drawn rows gave; NaN where a metric is undefined.

    Shapes: values (groups, metrics); draws (draws, groups, metrics).
    """

    metrics: list[str]
    values: np.ndarray
    draws: np.ndarray

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Low and high of each group's value; 95 % that all groups of a metric are held at once.

        Shapes: twice (groups, metrics).
        """
        half = self._half_widths(self.draws - self.values)
        return self.values - half, self.values + half

    def of_last(self, metric: str) -> Interval:
        """The last group's value and its interval, one of `limits`."""
        place = self.metrics.index(metric)
        sides = (self.values, *self.limits())
        return tuple(float(side[-1, place]) for side in sides)  # type: ignore[return-value]

    def worst(self, metric: str, *, larger_is_better: bool) -> Interval:
        """The worst group's value, whichever group that is, and its 95 % interval."""
        place, sign = self.metrics.index(metric), 1 if larger_is_better else -1
        sides = (self.values, *self.limits())
        return _ordered(*(sign * _least(sign * side[:, place]) for side in sides))

    def difference(self, metric: str) -> Interval:
        """The largest value minus the smallest, and its 95 % interval: over all pairs of groups."""
        place = self.metrics.index(metric)
        known = np.flatnonzero(np.isfinite(self.values[:, place]))
        if len(known) < 2:
            return np.nan, np.nan, np.nan
        first, second = np.array([*combinations(known, 2)]).T
        gaps = (self.values[first] - self.values[second])[:, [place]]
        drawn = (self.draws[:, first] - self.draws[:, second])[:, :, [place]]
        half, sizes = self._half_widths(drawn - gaps)[:, 0], np.abs(gaps[:, 0])
        low, high = (sizes - half).max(), (sizes + half).max()
        return float(sizes.max()), float(max(low, 0)) if low == low else low, float(high)

    def trend(self, metric: str) -> Interval:
        """How much the line through the groups in order rises from the first to the last, and its
        95 % interval."""
        place, count = self.metrics.index(metric), len(self.values)
        steps = np.arange(count) - (count - 1) / 2
        slope = steps / np.square(steps).sum() * (count - 1)
        value, drawn = slope @ self.values[:, place], self.draws[:, :, place] @ slope
        half = self._half_widths((drawn - value)[:, None, None])[0, 0]
        return float(value), float(value - half), float(value + half)

    def _half_widths(self, errors: np.ndarray) -> np.ndarray:
        """By how much to widen each group that all of a metric hold in 95 % of the draws; NaN where
        drawing alone changes the metric. Shapes: (draws, groups, metrics) -> (groups, metrics)."""
        if not len(errors):
            return np.full(errors.shape[1:], np.nan)
        known = np.nan_to_num(errors)
        mean, spread = known.mean(0), known.std(0)
        largest = np.abs(known / np.where(spread > 0, spread, np.inf)).max(1)
        half = np.quantile(largest, 0.95, axis=0) * spread
        moved = np.abs(mean) > (DRAWING_MATTERS + CHANCE / np.sqrt(len(errors))) * spread
        half[:, moved.any(0)] = np.nan
        return half


def group_values(score: Score, groups: np.ndarray, *, resamples: int, seed: int) -> GroupValues:
    """The metrics of each group, and those of rows drawn from it with replacement, one fewer than
    it has.

    Shapes: groups (rows,), the number of each row's group, -1 for rows of none.
    Source: Rao and Wu 1988, https://doi.org/10.1080/01621459.1988.10478591, for one row fewer
    """
    generator = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == group) for group in range(int(groups.max()) + 1)]
    observed = [score(rows) for rows in members]
    names = list(dict.fromkeys(name for scores in observed for name in scores))

    def values(scores: list[Mapping[str, float]]) -> list[list[float]]:
        return [[of_group.get(name, np.nan) for name in names] for of_group in scores]

    draws = [
        values([score(generator.choice(rows, max(len(rows) - 1, 1))) for rows in members])
        for _ in range(resamples)
    ]
    shape = (resamples, len(members), len(names))
    return GroupValues(names, np.array(values(observed)), np.array(draws).reshape(shape))


def _least(values: np.ndarray) -> float:
    """The least of those that are known; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(known.min()) if len(known) else np.nan


def _ordered(value: float, first: float, second: float) -> Interval:
    return float(value), float(min(first, second)), float(max(first, second))
