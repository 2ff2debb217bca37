"""Gaps of metrics between groups of rows: the largest minus the smallest, each group against the
rest, and how often groups that mean nothing have gaps as large."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

Score = Callable[[np.ndarray], Mapping[str, float]]  # metrics of rows by their positions
ROUNDING = 1e-9  # a gap that is as large but for the order in which numbers were added
# mean gap of shuffled groups, in their spread, from which on group sizes alone make a metric's gaps
SIZE_MATTERS, CHANCE = 0.3, 2.0  # and standard errors of that mean


@dataclass(frozen=True)
class GroupGaps:
    """What `group_gaps` finds. Metrics that are undefined for a group are NaN, and so are intervals
    of metrics to which the size of a group matters by itself, as the calibration error is larger
    in a small one.

    Shapes: values and the four `rest_` (groups, metrics); difference, low, high, p (metrics,).
    """

    metrics: list[str]
    values: np.ndarray
    difference: np.ndarray  # the largest value minus the smallest
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    rest_difference: np.ndarray  # a group's value minus that of the rows of all others
    rest_low: np.ndarray
    rest_high: np.ndarray
    rest_p: np.ndarray


def group_gaps(
    score: Score,
    groups: np.ndarray,
    strata: np.ndarray,
    *,
    resamples: int,
    shuffles: int,
    seed: int,
) -> GroupGaps:
    """The gaps between groups, with 95 % intervals and p-values.

    Intervals come of rows drawn with replacement within each group and stratum, one fewer than it
    has; that of the largest difference holds all pairs of groups at once, and begins at 0 where no
    pair is told apart.
    p-values come of groups that are shuffled within each stratum: how often the largest of all
    metrics' gaps, each in its own spread, is one's own or more.
    Shapes: groups (rows,), the number of each row's group; strata (rows,).
    Source: Westfall and Young 1993, Resampling-Based Multiple Testing, chapter 2; one row fewer:
        Rao and Wu 1988, https://doi.org/10.1080/01621459.1988.10478591
    """
    generator = np.random.default_rng(seed)
    names = list(score(np.arange(len(groups))))
    rows = np.arange(len(groups))

    def scores(positions: np.ndarray, places: np.ndarray) -> np.ndarray:
        return _scores(score, positions, groups[places], names)

    observed = scores(rows, rows)
    drawn = [scores(some, some) for some in _draws(generator, groups, strata, resamples)]
    shuffled = [scores(order, rows) for order in _shuffles(generator, strata, shuffles)]
    draws = np.array(drawn).reshape(resamples, *observed.shape)
    nulls = np.array([observed, *shuffled])
    inside, rest = observed
    low, high = _largest_limits(inside, draws[:, 0], nulls[1:, 0])
    rest_low, rest_high = _limits(inside - rest, draws[:, 0] - draws[:, 1])
    rest_nulls = nulls[:, 0] - nulls[:, 1]
    by_size = _made_by_size(rest_nulls)
    for limit in (low, high, rest_low, rest_high):
        limit[..., by_size] = np.nan
    return GroupGaps(
        metrics=names,
        values=inside,
        difference=_largest(inside),
        low=low,
        high=high,
        p=_p_values(_standardized(_largest(nulls[:, 0]))),
        rest_difference=inside - rest,
        rest_low=rest_low,
        rest_high=rest_high,
        rest_p=_p_values(np.abs(_standardized(rest_nulls))),
    )


def _scores(
    score: Score, positions: np.ndarray, groups: np.ndarray, names: list[str]
) -> np.ndarray:
    """The metrics inside and outside of each group, of rows at these positions.

    Shapes: positions and groups (rows,) -> (2, groups, metrics).
    """

    def values(is_inside: np.ndarray) -> list[float]:
        found = score(positions[is_inside])
        return [found.get(name, np.nan) for name in names]

    count = int(groups.max()) + 1
    inside = np.array([values(groups == g) for g in range(count)], dtype=float)
    if count == 2:
        return np.stack([inside, inside[::-1]])
    return np.stack([inside, np.array([values(groups != g) for g in range(count)], dtype=float)])


def _draws(
    generator: np.random.Generator, groups: np.ndarray, strata: np.ndarray, count: int
) -> Iterator[np.ndarray]:
    """Yields positions drawn with replacement from each group's rows of each stratum."""
    cells = _members(groups * (int(strata.max()) + 1) + strata)
    for _ in range(count):
        yield np.concatenate([generator.choice(cell, max(len(cell) - 1, 1)) for cell in cells])


def _shuffles(
    generator: np.random.Generator, strata: np.ndarray, count: int
) -> Iterator[np.ndarray]:
    """Yields positions that are shuffled within each stratum."""
    cells = _members(strata)
    for _ in range(count):
        positions = np.empty(len(strata), dtype=int)
        for members in cells:
            positions[members] = generator.permutation(members)
        yield positions


def _members(cells: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(cells == cell) for cell in np.unique(cells)]


def _largest(values: np.ndarray) -> np.ndarray:
    """The largest minus the smallest value of each metric. Shapes: (..., groups, metrics) ->
    (..., metrics)."""
    is_known = ~np.isnan(values)
    largest = np.where(is_known, values, -np.inf).max(-2)
    smallest = np.where(is_known, values, np.inf).min(-2)
    return np.where(is_known.sum(-2) > 1, largest - smallest, np.nan)


def _limits(values: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Percentile intervals; NaN where nothing was drawn. Shapes: (draws, ...) -> twice (...)."""
    if not len(drawn):
        return np.full_like(values, np.nan), np.full_like(values, np.nan)
    low, high = np.quantile(np.nan_to_num(drawn - values), (0.025, 0.975), axis=0)
    return values + low, values + high


def _largest_limits(
    values: np.ndarray, drawn: np.ndarray, shuffled: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The limits of the largest difference, by intervals that hold all pairs at once.

    They are as wide as the larger of what drawn rows and what shuffled groups ask for: rows drawn
    from a small group vary too little.
    Shapes: (groups, metrics), twice (draws, groups, metrics) -> twice (metrics,).
    """
    if not len(drawn):
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    first, second = np.array([*combinations(range(len(values)), 2)]).T
    differences = values[first] - values[second]
    half_width = np.maximum(
        _half_widths(drawn[:, first] - drawn[:, second] - differences),
        _half_widths(shuffled[:, first] - shuffled[:, second]),
    )
    sizes = np.where(np.isnan(differences), -np.inf, np.abs(differences))
    return np.maximum((sizes - half_width).max(0), 0), (sizes + half_width).max(0)


def _half_widths(errors: np.ndarray) -> np.ndarray:
    """By how much to widen each pair that all of a metric hold in 95 % of the draws.

    Shapes: (draws, pairs, metrics) -> (pairs, metrics).
    """
    known = np.nan_to_num(errors)
    spread = known.std(0)
    largest = np.abs(known / np.where(spread > 0, spread, np.inf)).max(1)
    return np.quantile(largest, 0.95, axis=0) * spread


def _made_by_size(rest_gaps: np.ndarray) -> np.ndarray:
    """Which metrics have gaps of shuffled groups that do not lie about 0, as where the value of a
    small group is another by its size alone. Shapes: (shuffles, groups, metrics) -> (metrics,)."""
    mean, spread = _mean_and_spread(rest_gaps)
    return (np.abs(mean) > (SIZE_MATTERS + CHANCE / np.sqrt(len(rest_gaps))) * spread).any(0)


def _standardized(gaps: np.ndarray) -> np.ndarray:
    """Gaps of shuffled groups from their mean, in their spread. Shapes: (shuffles, ...)."""
    mean, spread = _mean_and_spread(gaps)
    scaled = (gaps - mean) / np.where(spread > 0, spread, np.inf)
    return np.where(np.isnan(gaps), -np.inf, scaled)


def _mean_and_spread(gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the standard deviation over the first axis, of those that are defined."""
    is_known = ~np.isnan(gaps)
    count = np.maximum(is_known.sum(0), 1)
    mean = np.where(is_known, gaps, 0).sum(0) / count
    return mean, np.sqrt(np.where(is_known, (gaps - mean) ** 2, 0).sum(0) / count)


def _p_values(gaps: np.ndarray) -> np.ndarray:
    """How often the largest gap of all is one's own or more; the first are the groups' own."""
    largest = gaps.reshape(len(gaps), -1).max(1)
    own = gaps[0] - ROUNDING
    p = (largest.reshape(-1, *[1] * own.ndim) >= own).mean(0)
    return np.where(np.isfinite(own), p, np.nan)
