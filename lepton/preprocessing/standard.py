"""Standardization: numbers minus their mean, divided by their standard deviation."""

import numpy as np
from sklearn.preprocessing import StandardScaler

from lepton.preprocessing.table import CHUNK_ROWS, TablePreprocessing


class Standard(TablePreprocessing):
    """Scales numbers to mean 0 and standard deviation 1 on the training rows."""

    scaler_columns = ("mean_", "var_", "scale_")

    def fit_scaler(self, numbers: np.ndarray) -> StandardScaler:
        """A scaler by the mean and standard deviation of each column."""
        return self.fit_columns(numbers, _fit_chunks)


def _fit_chunks(numbers: np.ndarray) -> StandardScaler:
    """A scaler fitted a chunk of rows at a time, which bounds the memory of its temporaries."""
    scaler = StandardScaler()
    for start in range(0, len(numbers), CHUNK_ROWS):
        scaler.partial_fit(numbers[start : start + CHUNK_ROWS])
    return scaler
