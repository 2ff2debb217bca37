"""Breast tumours, told malignant or benign by their cell nuclei."""

import pandas as pd
from sklearn.datasets import load_breast_cancer

from lepton.dataset.read.sklearn_bunch import named
from lepton.dataset.tabular import TabularData


class BreastCancer(TabularData):
    """569 tumours with 30 measurements; 212 are malignant."""

    def read(self) -> tuple[pd.DataFrame, None]:
        return named(load_breast_cancer(), "diagnosis"), None
