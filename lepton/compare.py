"""Runs of a study grouped over seeds: means, intervals, paired differences; plain DataFrames."""

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit  # scipy.stats costs half a second

REPEATS = ["seed", "dataset.fold"]  # what makes two runs repetitions of each other
FACTS = {
    *("run", "status", "error", "folder", "study", "runs", "rerun", "logger", "experiment"),
    *("kind", "suggested"),
}
COMPARED = ("batch_size", "init_from")  # of the root's own keys
BROUGHT = ("scheduler", "regularization", "optimizer")  # what a fine-tuning strategy sets as well


def varying(frame: pd.DataFrame, groups: set[str]) -> list[str]:
    """The settings in which the runs differ: chosen options first, then values.

    A value belongs to its group's option: it counts only if it differs within one option. So does
    what a fine-tuning strategy brings with it, as its learning rate.
    """
    settings = [c for c in frame.columns if c.partition(".")[0] not in FACTS and "/" not in c]
    options = [c for c in settings if c in groups and frame[c].nunique() > 1]
    found = list(options)
    for column in settings:
        group = column.partition(".")[0]
        if column in groups or column in REPEATS or ("." not in column and column not in COMPARED):
            continue
        parts = [part for _, part in frame.groupby(group)] if group in groups else [frame]
        if any(_values(part[column]) > 1 for part in parts):
            found.append(column)
    return [c for c in found if c.partition(".")[0] not in BROUGHT or not _brought(frame, c)]


def _brought(frame: pd.DataFrame, column: str) -> bool:
    """Whether a setting differs with the fine-tuning strategy alone."""
    if "finetune" not in frame or frame["finetune"].nunique() < 2:
        return False
    return all(_values(part[column]) == 1 for _, part in frame.groupby("finetune"))


def _values(column: pd.Series) -> int:
    """How many different values; null is one."""
    return column.nunique() + column.isna().any()


def summary(frame: pd.DataFrame, by: list[str], metric: str) -> pd.DataFrame:
    """One row a group: n, mean, sd, and the 95 % t-interval of the mean over repetitions.

    Columns: those of `by`, then n, mean, sd, low, high; low and high are NaN for one run.
    """
    rows = []
    for key, part in _groups(frame, by):
        values = part[metric].dropna().to_numpy(float)
        mean, low, high = interval(values)
        sd = values.std(ddof=1) if len(values) > 1 else np.nan
        row = {"n": len(values), "mean": mean, "sd": sd, "low": low, "high": high}
        rows.append({**dict(zip(by, key, strict=True)), **row})
    return pd.DataFrame(rows)


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and its 95 % t-interval; the interval is NaN for fewer than two values."""
    if len(values) < 2:
        return (float(values.mean()) if len(values) else np.nan), np.nan, np.nan
    mean, error = values.mean(), values.std(ddof=1) / np.sqrt(len(values))
    half = stdtrit(len(values) - 1, 0.975) * error
    return float(mean), float(mean - half), float(mean + half)


def differences(frame: pd.DataFrame, by: list[str], metric: str, baseline: tuple) -> pd.DataFrame:
    """Each group's metric minus the baseline's, paired over equal repetitions.

    Runs of a group that are the same repetition count as one, by their mean.

    Columns: those of `by`, then pairs, difference, low, high (95 % t-interval) and p (paired
    t-test); NaN where fewer than two pairs exist.
    """
    repeats = [c for c in REPEATS if c in frame.columns]
    groups = dict(_groups(frame, by))
    baseline = _key(baseline)
    base = groups[baseline].groupby(repeats, dropna=False)[metric].mean()
    rows = []
    for key, part in groups.items():
        other = part.groupby(repeats, dropna=False)[metric].mean()
        gap = (other - base).dropna().to_numpy(float) if key != baseline else np.array([])
        mean, low, high = interval(gap)
        found = {"pairs": len(gap), "difference": mean, "low": low, "high": high}
        found["p"] = _p_value(gap)
        rows.append({**dict(zip(by, key, strict=True)), **found})
    return pd.DataFrame(rows)


def _p_value(gap: np.ndarray) -> float:
    """Of a two-sided paired t-test; NaN where the differences do not vary."""
    if len(gap) < 2 or gap.std() == 0:
        return np.nan
    t = gap.mean() / (gap.std(ddof=1) / np.sqrt(len(gap)))
    return float(2 * stdtr(len(gap) - 1, -abs(t)))


def _groups(frame: pd.DataFrame, by: list[str]):
    """(key, rows) per group in order of appearance; one group when `by` is empty."""
    if not by:
        return [((), frame)]
    return [(_key(key), part) for key, part in frame.groupby(by, sort=False, dropna=False)]


def _key(values: tuple) -> tuple:
    """Missing values as None, because NaN is not equal to itself."""
    return tuple(None if pd.isna(value) else value for value in values)
