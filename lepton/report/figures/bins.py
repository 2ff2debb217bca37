"""Bins of numbers with about as many in each; equal numbers are never parted."""

import numpy as np
import pandas as pd


def equal_count_bins(values: np.ndarray, count: int) -> np.ndarray:
    """The bin of each number, by its mean rank: a number that is there often may fill several.

    Shapes: (N,) -> (N,) int64, from 0 to count - 1.
    """
    ranks = pd.Series(values).rank(method="average").to_numpy() - 0.5
    return (ranks * count / max(len(values), 1)).astype(np.int64)
