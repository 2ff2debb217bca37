"""Numbers less their median, divided by the distance between two quantiles."""

import numpy as np
from sklearn.preprocessing import RobustScaler

from lepton.preprocessing.table import TablePreprocessing


class Robust(TablePreprocessing):
    """Scales numbers by statistics that outliers do not move.

    Units: `lower` and `upper` in percent of the training rows.
    """

    def __init__(self, *, lower: float, upper: float, **table):
        super().__init__(**table)
        self.quantile_range = (lower, upper)

    def fit_scaler(self, numbers: np.ndarray) -> RobustScaler:
        return RobustScaler(quantile_range=self.quantile_range).fit(numbers)
