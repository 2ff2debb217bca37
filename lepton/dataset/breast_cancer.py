"""The breast cancer data of scikit-learn: malignant or benign, by cell nuclei."""

import pandas as pd
from sklearn.datasets import load_breast_cancer

from lepton.dataset.read.sklearn_bunch import bunch_to_frame
from lepton.dataset.tabular import TabularData


class BreastCancer(TabularData):
    """569 tumours with 30 measurements; 212 are malignant."""

    def read(self) -> tuple[pd.DataFrame, None]:
        """The measurements and the column diagnosis."""
        return bunch_to_frame(load_breast_cancer(), "diagnosis"), None
