"""The digits of scikit-learn as images."""

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from lepton.dataset.image import IMAGE_COLUMN, ImageData

BRIGHTEST = 16  # of a pixel, as the set has them


class Digits(ImageData):
    """1797 handwritten digits of 8 x 8 pixels."""

    def read(self) -> tuple[pd.DataFrame, None]:
        """The pictures, white on black, and the column digit."""
        bunch = load_digits()
        pixels = np.rint(bunch.images * (255 / BRIGHTEST)).astype(np.uint8)
        return pd.DataFrame({IMAGE_COLUMN: list(pixels), "digit": bunch.target}), None
