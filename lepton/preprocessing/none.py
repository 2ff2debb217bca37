"""No scaling: numbers stay as they are, apart from missing ones."""

import numpy as np

from lepton.preprocessing.table import TablePreprocessing


class NoScaling(TablePreprocessing):
    """Imputes numbers and encodes categories, and scales nothing."""

    scaler_columns = ()

    def fit_scaler(self, numbers: np.ndarray) -> None:
        """None: numbers stay as they are."""
