"""The wine data of scikit-learn: growers of Italian wines, by their chemistry."""

import pandas as pd
from sklearn.datasets import load_wine

from lepton.dataset.read.sklearn_bunch import bunch_to_frame
from lepton.dataset.tabular import TabularData


class Wine(TabularData):
    """178 wines of three growers with 13 measurements."""

    def read(self) -> tuple[pd.DataFrame, None]:
        """The measurements and the column grower."""
        return bunch_to_frame(load_wine(), "grower"), None
