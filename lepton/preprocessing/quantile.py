"""Quantile transformation: numbers by their rank, mapped to a normal distribution."""

from typing import Any

import numpy as np
from sklearn.preprocessing import QuantileTransformer

from lepton.preprocessing.table import TablePreprocessing
from lepton.values.bounds import AtLeast1, NotBelow0


class Quantile(TablePreprocessing):
    """Maps each number's training distribution to a standard normal one.

    Noise on the training numbers breaks the ties that would send frequent values to the ends of the
    normal range; it is used for fitting only.
    Units: `noise` in standard deviations of the column.
    Source: Gorishniy et al. 2021, https://arxiv.org/abs/2106.11959, section 4.
    """

    scaler_columns = ("quantiles_",)

    def __init__(
        self,
        *,
        n_quantiles: AtLeast1,
        min_quantiles: AtLeast1,
        rows_per_quantile: AtLeast1,
        noise: NotBelow0,
        **options: Any,
    ):
        super().__init__(**options)
        self.n_quantiles, self.min_quantiles = n_quantiles, min_quantiles
        self.rows_per_quantile, self.noise = rows_per_quantile, noise

    def fit_scaler(self, numbers: np.ndarray) -> QuantileTransformer:
        """A transformer with as many quantiles as the rows allow, fitted on noisy numbers."""
        rows, seed = len(numbers), self.settings["seed"]
        n_quantiles = max(min(rows // self.rows_per_quantile, self.n_quantiles), self.min_quantiles)
        transformer = QuantileTransformer(
            n_quantiles=min(n_quantiles, rows),
            output_distribution="normal",
            subsample=None,
            random_state=seed % 2**32,
        )
        generator = np.random.default_rng(seed)
        for column in numbers.T:
            column += generator.normal(0, self.noise * (column.std() or 1.0), rows)
        return transformer.fit(numbers)
