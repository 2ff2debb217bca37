"""Where a run errs more or less than elsewhere: every value of every column is a slice."""

from itertools import pairwise

import numpy as np
import pandas as pd

from lepton.stats.pairs import holm, interval
from lepton.stats.welch import Unpaired

LEAST = 8  # samples of a slice
PARTS = 4  # of a column of numbers, as many samples in each


def slices(inputs: pd.DataFrame, errors: np.ndarray) -> pd.DataFrame:
    """Slices by how surely they differ from the samples outside them.

    Columns: slice, n, mean, low, high (95 % t-interval), p_holm (Welch's t-test against the rest,
    corrected for the number of slices).
    """
    rows = []
    for column in inputs:
        parts = _parts(inputs[column])
        for value in parts.dropna().unique():
            inside = (parts == value).to_numpy(bool, na_value=False)
            if not LEAST <= inside.sum() <= len(inputs) - LEAST:
                continue
            mean, low, high = interval(errors[inside])
            sides = errors[inside].astype(float), errors[~inside].astype(float)
            p = Unpaired(*sides, "sample", ()).p if sum(map(np.ptp, sides)) else 1
            row = {"slice": f"{column} = {value}", "n": int(inside.sum()), "mean": mean}
            rows.append({**row, "low": low, "high": high, "p": float(p)})
    table = pd.DataFrame(rows, columns=["slice", "n", "mean", "low", "high", "p"])
    table["p_holm"] = holm(table["p"].to_numpy(float))
    return table.sort_values("p", kind="stable").drop(columns="p").reset_index(drop=True)


def _parts(column: pd.Series) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(column) or column.nunique() <= PARTS:
        return column.astype("str").where(column.notna())
    return binned(column, PARTS, "{:.4g} to {:.4g}").astype("str").where(column.notna())


def binned(column: pd.Series, count: int, name: str) -> pd.Series:
    """Numbers as the bins they lie in, as many in each, called by their edges."""
    bins, edges = pd.qcut(column.astype(float), count, retbins=True, duplicates="drop")
    return bins.cat.rename_categories(
        [name.format(low, high) for low, high in pairwise(edges)] if len(edges) > 1 else []
    )
