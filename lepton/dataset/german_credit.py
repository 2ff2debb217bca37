"""The Statlog German credit data, as the package ships it."""

from pathlib import Path

import pandas as pd

from lepton.dataset.tabular import TabularData

GERMAN_CREDIT_FILE = Path(__file__).with_suffix(".csv")


class GermanCredit(TabularData):
    """1000 loan applicants with 20 attributes; 300 were bad risks."""

    def read(self) -> tuple[pd.DataFrame, None]:
        """The attributes and the column credit_risk."""
        return pd.read_csv(GERMAN_CREDIT_FILE, keep_default_na=False), None
