"""Paired differences of two sets of runs, and the t-test of their mean."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit, stdtr, stdtrit  # scipy.stats costs half a second

from lepton.stats.repetitions import (
    MIN_UNITS,
    SPLIT_KEYS,
    interval_ratio,
    tested_by_learned,
    value_texts,
)

Limits = tuple[float, float]
NO_LIMITS: Limits = (-np.inf, np.inf)
ROUNDING = 1e-6  # by which a value may leave the range of its metric
LEVEL = 0.95  # of intervals
PICKED_MISS, PICKED_POWER = 0.052, 0.4  # of `interval_level`; tried by scripts/check_nulls.py


@dataclass(frozen=True)
class PairedScores:
    """Scores of the same repetitions of an option and of a baseline.

    Shapes: `option`, `baseline` (pairs,).
    """

    option: np.ndarray
    baseline: np.ndarray
    unit: str  # what a pair is: seed, split or setting
    ratio: float  # rows tested by rows learned from, where pairs share training rows; else 0
    settings: tuple[str, ...]  # keys of other settings in which the runs of a pair are equal
    interval_ratio: float = 0.0  # the same for an interval, which must not be too wide either

    @property
    def differences(self) -> np.ndarray:
        """Option minus baseline. Shapes: (pairs,)."""
        return self.option - self.baseline

    def interval(
        self, limits: Limits = NO_LIMITS, *, picked_of: int = 1
    ) -> tuple[float, float, float]:
        """The mean difference and its 95 % interval: (mean, low, high).

        `limits`: the range of the metric, which a difference cannot be wider than. `picked_of`: as
        in `interval_level`.
        """
        level = interval_level(picked_of)
        mean, low, high = mean_interval(self.differences, self.interval_ratio, level=level)
        width = max(limits[1] - limits[0], np.abs(self.differences).max(initial=0))
        return mean, float(np.maximum(low, -width)), float(np.minimum(high, width))

    @property
    def p(self) -> float:
        """The p-value of the paired t-test."""
        return p_value(self.differences, self.ratio)


def paired_scores(
    runs: pd.DataFrame,
    base: pd.DataFrame,
    metric: str,
    settings: list[str],
    repetition_keys: list[str],
) -> PairedScores:
    """Pairs the runs of both sides that are equal in `settings` and `repetition_keys`, and
    averages them to one pair a unit.

    Over several splits a pair is a split, and seeds on it are averaged, since they share its test
    rows. Over one split it is a seed, and settings are averaged. With one of each it is a setting.
    """
    keys = [key for key in (*settings, *repetition_keys) if key in runs and key in base]
    keys = [key for key in keys if runs[key].notna().any() or base[key].notna().any()]
    if len(runs) == len(base) == 1:
        return _one_pair(runs, base, metric, settings, keys)
    option, baseline = (_means_by(side, keys, metric) for side in (runs, base))
    both = pd.DataFrame({"option": option, "baseline": baseline}).dropna()
    splits = [
        key for key in SPLIT_KEYS if key in keys and both.index.get_level_values(key).nunique() > 1
    ]
    has_seeds = "seed" in keys and both.index.get_level_values("seed").nunique() > 1
    unit_keys = splits or (["seed"] if has_seeds else [key for key in keys if key in settings])
    unit = "split" if splits else "seed" if has_seeds or not unit_keys else "setting"
    if unit_keys:
        both = both.groupby(level=unit_keys, dropna=False).mean()
    sides = pd.concat([runs, base]) if splits else runs
    return PairedScores(
        option=both["option"].to_numpy(float),
        baseline=both["baseline"].to_numpy(float),
        unit=unit,
        ratio=tested_by_learned(sides) if splits else 0.0,
        settings=tuple(key for key in keys if key in settings),
        interval_ratio=interval_ratio(sides, splits, len(both)),
    )


def _one_pair(
    runs: pd.DataFrame, base: pd.DataFrame, metric: str, settings: list[str], keys: list[str]
) -> PairedScores:
    """What `paired_scores` gives for one run on each side, without its tables."""
    scores = [float(side[metric].astype(float).iloc[0]) for side in (runs, base)]
    is_equal = all(value_texts(runs[k]).iloc[0] == value_texts(base[k]).iloc[0] for k in keys)
    is_pair = is_equal and not np.isnan(scores).any()
    option, baseline = ([score] if is_pair else [] for score in scores)
    matched = tuple(key for key in keys if key in settings)
    unit = "setting" if matched else "seed"
    return PairedScores(np.array(option, float), np.array(baseline, float), unit, 0.0, matched)


def _means_by(runs: pd.DataFrame, keys: list[str], metric: str) -> pd.Series:
    """The mean of a metric for each combination of values of `keys`, which are the index."""
    if not keys:
        return pd.Series({0: runs[metric].astype(float).mean()})
    means = runs[metric].astype(float).groupby([value_texts(runs[key]) for key in keys]).mean()
    means.index = pd.MultiIndex.from_tuples(
        [values if isinstance(values, tuple) else (values,) for values in means.index], names=keys
    )
    return means


def mean_interval(
    values: np.ndarray,
    ratio: float = 0.0,
    limits: Limits = NO_LIMITS,
    *,
    level: float = LEVEL,
) -> tuple[float, float, float]:
    """The mean and its t-interval: (mean, low, high); low and high are NaN for fewer than
    MIN_UNITS values.

    `ratio`: as in `standard_error`. `limits`: the range of the values; an interval that would leave
    it is one on the logit or log scale, by the delta method. Values that leave it are of another
    range, as a metric of one's own may be that is called as one of lepton's.
    """
    if len(values) < MIN_UNITS:
        return (float(values.mean()) if len(values) else np.nan), np.nan, np.nan
    mean = float(values.mean())
    half_width = float(stdtrit(len(values) - 1, (1 + level) / 2) * standard_error(values, ratio))
    low, high = mean - half_width, mean + half_width
    is_outside = values.min() < limits[0] - ROUNDING or values.max() > limits[1] + ROUNDING
    is_inside = is_outside or (limits[0] <= low and high <= limits[1])
    if is_inside or not limits[0] < mean < limits[1]:
        return mean, low, high
    return mean, *_interval_inside(mean, half_width, limits)


def _interval_inside(mean: float, half_width: float, limits: Limits) -> tuple[float, float]:
    """An interval about a mean on a scale that ends at no number."""
    lowest, highest = limits
    if np.isinf(highest):
        factor = np.exp(half_width / (mean - lowest))
        return float(lowest + (mean - lowest) / factor), float(lowest + (mean - lowest) * factor)
    if np.isinf(lowest):
        low, high = _interval_inside(-mean, half_width, (-highest, np.inf))
        return -high, -low
    width = highest - lowest
    center = logit((mean - lowest) / width)
    step = half_width * width / ((mean - lowest) * (highest - mean))
    return float(lowest + width * expit(center - step)), float(
        lowest + width * expit(center + step)
    )


def interval_level(picked_of: int) -> float:
    """The level at which a difference from the baseline has an interval of 95 %.

    `picked_of`: the number of options of which scores picked the baseline. Its luck on validation,
    of which the test has a part, takes from the coverage, and the more options the more.
    """
    return 1 - PICKED_MISS / picked_of**PICKED_POWER if picked_of > 2 else LEVEL


def standard_error(values: np.ndarray, ratio: float = 0.0) -> float:
    """The standard error of a mean of differences over splits, whose training rows overlap.

    `ratio`: rows tested by rows learned from; 0 gives the usual standard error.
    Source: Nadeau & Bengio 2003, https://doi.org/10.1023/A:1024068626366
    """
    with np.errstate(invalid="ignore"):  # of an infinity, which has no spread
        return float(values.std(ddof=1) * np.sqrt(1 / len(values) + ratio))


def p_value(differences: np.ndarray, ratio: float = 0.0) -> float:
    """The p-value of a two-sided paired t-test; NaN where the differences do not vary.

    `ratio`: as in `standard_error`.
    """
    if not can_be_tested(differences):
        return np.nan
    t = abs(differences.mean() / standard_error(differences, ratio))
    return float(2 * stdtr(len(differences) - 1, -t))


def can_be_tested(differences: np.ndarray) -> bool:
    """True for MIN_UNITS differences at least that are not all the same."""
    return (
        len(differences) >= MIN_UNITS
        and bool(np.isfinite(differences).all())
        and bool(np.ptp(differences) > 1e-12 * np.abs(differences).max())
    )


def holm(p_values: np.ndarray, tests: int | None = None) -> np.ndarray:
    """The p-values corrected for several tests at once; NaN is no test.

    `tests`: how many there are, where these are some of them that were picked by the data.
    Source: Holm 1979, https://www.jstor.org/stable/4615733

    >>> holm(np.array([0.01, 0.04, np.nan, 0.03])).round(3).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    adjusted, tested = np.full(len(p_values), np.nan), np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested])]
    total = max(tests or 0, len(order))
    steps = p_values[order] * np.arange(total, total - len(order), -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
