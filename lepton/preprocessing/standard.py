"""Numbers less their mean, divided by their standard deviation."""

import numpy as np
from sklearn.preprocessing import StandardScaler

from lepton.preprocessing.table import TablePreprocessing


class Standard(TablePreprocessing):
    """Scales numbers to mean 0 and standard deviation 1 on the training rows."""

    def fit_scaler(self, numbers: np.ndarray) -> StandardScaler:
        return StandardScaler().fit(numbers)
