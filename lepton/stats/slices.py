"""Slices of a data set where a run errs more or less than elsewhere: a slice is the rows of one
value of one column."""

from itertools import pairwise

import numpy as np
import pandas as pd

from lepton.stats.pairs import holm, mean_interval
from lepton.stats.welch import UnpairedScores

MIN_SAMPLES = 8  # samples of a slice
NUMBER_BINS = 4  # slices of a column of numbers, as many samples in each


def slices(inputs: pd.DataFrame, errors: np.ndarray) -> pd.DataFrame:
    """A row for each slice, ordered by how surely it differs from the samples outside of it.

    Columns: slice, n, mean, low, high (95 % t-interval), p_holm (Welch's t-test against the
        samples outside, corrected for the number of slices).
    Shapes: errors (samples,).
    """
    rows = []
    for column in inputs:
        values = _slice_values(inputs[column])
        for value in values.dropna().unique():
            is_inside = (values == value).to_numpy(bool, na_value=False)
            if not MIN_SAMPLES <= is_inside.sum() <= len(inputs) - MIN_SAMPLES:
                continue
            mean, low, high = mean_interval(errors[is_inside])
            sides = errors[is_inside].astype(float), errors[~is_inside].astype(float)
            has_spread = sum(map(np.ptp, sides))
            p = UnpairedScores(*sides, "sample", settings=()).p if has_spread else 1
            row = {"slice": f"{column} = {value}", "n": int(is_inside.sum()), "mean": mean}
            rows.append({**row, "low": low, "high": high, "p": float(p)})
    table = pd.DataFrame(rows, columns=["slice", "n", "mean", "low", "high", "p"])
    table["p_holm"] = holm(table["p"].to_numpy(float))
    return table.sort_values("p", kind="stable").drop(columns="p").reset_index(drop=True)


def _slice_values(column: pd.Series) -> pd.Series:
    """The values of a column as texts; those of many numbers as the bins they lie in."""
    if not pd.api.types.is_numeric_dtype(column) or column.nunique() <= NUMBER_BINS:
        return column.astype("str").where(column.notna())
    return binned(column, NUMBER_BINS, "{:.4g} to {:.4g}").astype("str").where(column.notna())


def binned(column: pd.Series, count: int, name: str) -> pd.Series:
    """The bins that numbers lie in, as many numbers in each, named by their edges."""
    bins, edges = pd.qcut(column.astype(float), count, retbins=True, duplicates="drop")
    return bins.cat.rename_categories(
        [name.format(low, high) for low, high in pairwise(edges)] if len(edges) > 1 else []
    )
