"""The digits of scikit-learn: handwritten digits as rows of pixels."""

import pandas as pd
from sklearn.datasets import load_digits

from lepton.dataset.read.sklearn_bunch import bunch_to_frame
from lepton.dataset.tabular import TabularData


class DigitsFlat(TabularData):
    """1797 digits of 8 x 8 pixels, each from 0 to 16."""

    def read(self) -> tuple[pd.DataFrame, None]:
        """The pixels and the column digit."""
        return bunch_to_frame(load_digits(), "digit"), None
