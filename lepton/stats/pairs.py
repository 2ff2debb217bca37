"""Paired differences of two sets of runs, and what a t-test says of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit  # scipy.stats costs half a second

SPLITS = ("dataset.fold", "dataset.split_seed")  # what changes which rows are tested


@dataclass(frozen=True)
class Pairs:
    """The same repetitions of an option and of a baseline.

    Shapes: `option`, `baseline` (pairs,).
    """

    option: np.ndarray
    baseline: np.ndarray
    unit: str  # what a pair is: seed, split or setting
    ratio: float  # rows tested by rows learned from, where pairs share training rows; else 0
    settings: tuple[str, ...]  # what else the runs were made equal in

    @property
    def gaps(self) -> np.ndarray:
        return self.option - self.baseline

    @property
    def p(self) -> float:
        return p_value(self.gaps, self.ratio)


def pairs(
    part: pd.DataFrame, base: pd.DataFrame, metric: str, settings: list[str], repeats: list[str]
) -> Pairs:
    """Runs of both sides that are equal in `settings` and `repeats`, averaged to one a unit.

    Over several splits a pair is a split, and seeds on it are averaged, since they share its test
    rows. Over one split it is a seed, and settings are averaged. With one of each it is a setting.
    """
    index = [c for c in (*settings, *repeats) if c in part and c in base]
    index = [c for c in index if part[c].notna().any() or base[c].notna().any()]
    option, baseline = (_means(side, index, metric) for side in (part, base))
    both = pd.DataFrame({"option": option, "baseline": baseline}).dropna()
    splits = [c for c in SPLITS if c in index and both.index.get_level_values(c).nunique() > 1]
    seeds = "seed" in index and both.index.get_level_values("seed").nunique() > 1
    levels = splits or (["seed"] if seeds else [c for c in index if c in settings])
    unit = "split" if splits else "seed" if seeds or not levels else "setting"
    if levels:
        both = both.groupby(level=levels, dropna=False).mean()
    ratio = _ratio(pd.concat([part, base])) if splits else 0.0
    values = both["option"].to_numpy(float), both["baseline"].to_numpy(float)
    return Pairs(*values, unit, ratio, tuple(c for c in index if c in settings))


def _means(side: pd.DataFrame, index: list[str], metric: str) -> pd.Series:
    if not index:
        return pd.Series({0: side[metric].astype(float).mean()})
    values = side[metric].astype(float).groupby([filled(side[c]) for c in index]).mean()
    values.index = pd.MultiIndex.from_tuples(
        [key if isinstance(key, tuple) else (key,) for key in values.index], names=index
    )
    return values


def filled(column: pd.Series) -> pd.Series:
    """Text that is equal where values are; null is a value."""
    numbers = column.map(lambda v: "" if pd.isna(v) else f"{v:g}" if _number(v) else str(v))
    return numbers.rename(column.name)


def _number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _ratio(frame: pd.DataFrame) -> float:
    """Rows tested by rows learned from; validation rows choose the epoch and are learned from."""
    names = ("rows/train", "rows/val", "rows/test")
    if not all(name in frame for name in names):
        return 0.0
    train, val, test = (frame[name].mean() for name in names)
    return float(test / (train + val))


def interval(values: np.ndarray, ratio: float = 0.0) -> tuple[float, float, float]:
    """Mean and its 95 % t-interval; the interval is NaN for fewer than two values.

    With `ratio` corrected for training rows that splits have in common.
    """
    if len(values) < 2:
        return (float(values.mean()) if len(values) else np.nan), np.nan, np.nan
    mean = values.mean()
    half = stdtrit(len(values) - 1, 0.975) * standard_error(values, ratio)
    return float(mean), float(mean - half), float(mean + half)


def standard_error(values: np.ndarray, ratio: float = 0.0) -> float:
    """Of a mean of differences over splits, whose training rows overlap.

    Source: Nadeau & Bengio 2003, https://doi.org/10.1023/A:1024068626366; with
        ratio 0 the usual one.
    """
    with np.errstate(invalid="ignore"):  # of an infinity, which has no spread
        return float(values.std(ddof=1) * np.sqrt(1 / len(values) + ratio))


def p_value(gaps: np.ndarray, ratio: float = 0.0) -> float:
    """Of a two-sided paired t-test; NaN where the differences do not vary."""
    if not varied(gaps):
        return np.nan
    return float(2 * stdtr(len(gaps) - 1, -abs(gaps.mean() / standard_error(gaps, ratio))))


def varied(gaps: np.ndarray) -> bool:
    """Whether differences can be tested: at least two, and not all the same."""
    return (
        len(gaps) > 1
        and np.isfinite(gaps).all()
        and bool(np.ptp(gaps) > 1e-12 * np.abs(gaps).max())
    )


def holm(p: np.ndarray) -> np.ndarray:
    """P-values for several tests at once; NaN is no test.

    Source: Holm 1979, https://www.jstor.org/stable/4615733

    >>> holm(np.array([0.01, 0.04, np.nan, 0.03])).round(3).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    adjusted, known = np.full(len(p), np.nan), np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known])]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
