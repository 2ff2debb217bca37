"""Italian wines, told apart by their chemistry."""

import pandas as pd
from sklearn.datasets import load_wine

from lepton.dataset.read.sklearn_bunch import named
from lepton.dataset.tabular import TabularData


class Wine(TabularData):
    """178 wines of three growers with 13 measurements."""

    def read(self) -> tuple[pd.DataFrame, None]:
        return named(load_wine(), "grower"), None
