"""The diabetes data of scikit-learn: progression within a year, a regression."""

import pandas as pd
from sklearn.datasets import load_diabetes

from lepton.dataset.read.sklearn_bunch import bunch_to_frame
from lepton.dataset.tabular import TabularData


class Diabetes(TabularData):
    """442 patients with 10 measurements in their own units."""

    def read(self) -> tuple[pd.DataFrame, None]:
        """The measurements and the column progression."""
        return bunch_to_frame(load_diabetes(scaled=False), "progression"), None
