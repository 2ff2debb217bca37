"""Scores of repeated runs as independent units: those of one split are averaged over its seeds,
since they share its test rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

SPLIT_KEYS = ("dataset.fold", "dataset.split_seed")  # settings that change which rows are tested
MIN_UNITS = 3  # fewer have no interval and no test
TRAIN, VAL, TEST = "rows/train", "rows/val", "rows/test"
LEFT_OUT = "rows/left_out"  # of the training rows, by shots or a fraction
ROW_COLUMNS = (TRAIN, VAL, TEST, LEFT_OUT)
VALIDATION = "dataset.validation"
TEST_FILE = "dataset.test_path"
FIXED_TESTS = ("time", "column")  # ways to split in which split_seed draws no test rows


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


def unit_scores_by_group(
    runs: pd.DataFrame, metric: str, group_numbers: np.ndarray, groups: int
) -> Iterator[tuple[np.ndarray, UnitScores]]:
    """Yields of each group of runs the metric's values, and what `unit_scores` makes of its rows.

    Most groups hold one run a unit, and are told by a look at all rows at once, since a table of
    each would cost a millisecond. Shapes: `group_numbers` (runs,), from 0 to `groups` - 1.
    """
    if not groups:
        return
    is_scored = runs[metric].notna().to_numpy()
    scored, numbers = runs[is_scored].reset_index(drop=True), group_numbers[is_scored]
    values = scored[metric].to_numpy(float)
    keys = [key for key in (*SPLIT_KEYS, "seed") if key in scored]
    codes = {key: pd.factorize(scored[key], use_na_sentinel=False)[0] for key in keys}
    rows = pd.DataFrame({"group": numbers, **codes})
    counts = rows.groupby("group").nunique().reindex(range(groups), fill_value=0)
    splits = [key for key in SPLIT_KEYS if key in keys]
    has_splits = (counts[splits] > 1).any(axis=1).to_numpy()
    has_seeds = counts["seed"].to_numpy() > 1 if "seed" in keys else np.zeros(groups, bool)
    needs_means = np.zeros(groups, bool)
    for has_units, unit_keys in ((has_splits, splits), (has_seeds & ~has_splits, ["seed"])):
        if has_units.any():
            repeated = numbers[rows.duplicated(["group", *unit_keys]).to_numpy()]
            needs_means[repeated] |= has_units[repeated]
    ends = np.searchsorted(np.sort(numbers), np.arange(1, groups))
    for group, positions in enumerate(np.split(np.argsort(numbers, kind="stable"), ends)):
        if has_splits[group] or needs_means[group]:
            scores = unit_scores(scored.iloc[positions], metric)
        else:
            unit = "seed" if has_seeds[group] else "run"
            scores = UnitScores(values[positions], unit, 0.0)
        yield values[positions], scores


def varying_splits(runs: pd.DataFrame) -> list[str]:
    """The keys of splits in which these runs differ."""
    return [key for key in SPLIT_KEYS if _varies(runs, key)]


def _varies(runs: pd.DataFrame, key: str) -> bool:
    return key in runs and runs[key].nunique(dropna=False) > 1


def tested_by_learned(runs: pd.DataFrame) -> float:
    """Rows tested by rows learned from; validation rows choose the epoch and are learned from.

    Training rows that were left out count too: what two splits have in common are test rows, as
    many as there are in all rows, however few are trained on.
    """
    if not all(column in runs for column in (TRAIN, TEST)):
        return 0.0
    others = [runs[column].fillna(0).mean() for column in (TRAIN, VAL, LEFT_OUT) if column in runs]
    return float(runs[TEST].mean() / sum(others))


def with_untested_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs with all rows that are not tested, each counted once.

    Where folds of the training rows validated, there are no validation rows beside these. The
    training rows that shots or a fraction left out are told by the share of the test rows.
    """
    if TEST not in frame or TRAIN not in frame:
        return frame
    if VAL in frame and VALIDATION in frame:
        frame = frame.assign(**{VAL: frame[VAL].where(frame[VALIDATION] != "inside", 0)})
    names = (*("dataset.shots", "dataset.fraction", "dataset.test_size", "dataset.folds"), VAL)
    columns = (frame[name] if name in frame else pd.Series(np.nan, frame.index) for name in names)
    shots, fraction, size, folds, val = (pd.to_numeric(c, errors="coerce") for c in columns)
    is_subsampled = shots.notna() | (fraction < 1)
    if "dataset.split" in frame:
        size = size.where(~frame["dataset.split"].isin(FIXED_TESTS))
    if TEST_FILE in frame:
        size = size.where(frame[TEST_FILE].isna())
    size = size.where(folds.isna(), 1 / folds)
    untested = frame[TEST] * (1 - size) / size.where(size > 0)
    left_out = (untested - frame[TRAIN] - val.fillna(0)).clip(lower=0).where(is_subsampled)
    return frame.assign(**{LEFT_OUT: left_out}) if left_out.notna().any() else frame


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
