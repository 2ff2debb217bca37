"""Robust scaling: numbers minus their median, divided by the distance of two quantiles."""

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.preprocessing import RobustScaler

from lepton.preprocessing.table import TablePreprocessing
from lepton.values.bounds import From0To100


class Robust(TablePreprocessing):
    """Scales numbers by statistics that outliers do not move.

    Units: `lower` and `upper` in percent of the training rows.
    """

    scaler_columns = ("center_", "scale_")

    def __init__(self, *, lower: From0To100, upper: From0To100, **options: Any):
        super().__init__(**options)
        self.quantile_range = (lower, upper)

    def fit_scaler(self, numbers: np.ndarray) -> RobustScaler:
        """A scaler by the median and the two quantiles of each column."""
        scaler = RobustScaler(quantile_range=self.quantile_range)
        return self.fit_columns(numbers, lambda column: clone(scaler).fit(column))
