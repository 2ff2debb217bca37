"""Scores of repeated runs as independent units: those of one split are averaged over its seeds,
since they share its test rows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

SPLIT_KEYS = ("dataset.fold", "dataset.split_seed")  # settings that change which rows are tested
MIN_UNITS = 3  # fewer have no interval and no test
ROW_COLUMNS = ("rows/train", "rows/val", "rows/test")


@dataclass(frozen=True)
class UnitScores:
    """A value for each unit. Shapes: `values` (units,)."""

    values: np.ndarray
    unit: str  # split, seed or run
    ratio: float  # of `standard_error`, for an interval


def unit_scores(runs: pd.DataFrame, metric: str) -> UnitScores:
    """The scores of runs of one option: a value for each split; over one split for each seed; for
    each run where these do not differ."""
    scored = runs[runs[metric].notna()]
    scores = scored[metric].astype(float)
    splits = varying_splits(scored)
    keys = splits or (["seed"] if _varies(scored, "seed") else [])
    if keys and scored.duplicated(keys).any():
        scores = scores.groupby([value_texts(scored[key]) for key in keys]).mean()
    unit = "split" if splits else "seed" if keys else "run"
    values = scores.to_numpy(float)
    return UnitScores(values, unit, interval_ratio(scored, splits, len(values)))


def varying_splits(runs: pd.DataFrame) -> list[str]:
    """The keys of splits in which these runs differ."""
    return [key for key in SPLIT_KEYS if _varies(runs, key)]


def _varies(runs: pd.DataFrame, key: str) -> bool:
    return key in runs and runs[key].nunique(dropna=False) > 1


def tested_by_learned(runs: pd.DataFrame) -> float:
    """Rows tested by rows learned from; validation rows choose the epoch and are learned from."""
    if not all(column in runs for column in ROW_COLUMNS):
        return 0.0
    train, val, test = (runs[column].mean() for column in ROW_COLUMNS)
    return float(test / (train + val))


def interval_ratio(runs: pd.DataFrame, splits: list[str], units: int) -> float:
    """The ratio by which an interval over splits is widened.

    Splits that are drawn anew share test rows, as Nadeau and Bengio assume. The folds of one k-fold
    share none: what is left is that their training rows overlap, about 1 / units of it.
    """
    if not splits:
        return 0.0
    ratio = tested_by_learned(runs)
    return ratio / units if splits == ["dataset.fold"] and units else ratio


def value_texts(column: pd.Series) -> pd.Series:
    """The values as texts that are equal where values are; null is a value."""
    texts = column.map(lambda v: "" if pd.isna(v) else f"{v:g}" if _is_number(v) else str(v))
    return texts.rename(column.name)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
