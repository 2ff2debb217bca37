"""Data sets that scikit-learn loads as a Bunch, as tables."""

import pandas as pd
from sklearn.utils import Bunch


def bunch_to_frame(bunch: Bunch, target: str) -> pd.DataFrame:
    """Features and target in one table; column names without blanks, classes by their names."""
    features = [str(name).replace(" ", "_") for name in bunch.feature_names]
    frame = pd.DataFrame(bunch.data, columns=features)
    classes = bunch.get("target_names")
    frame[target] = bunch.target if classes is None else [str(classes[i]) for i in bunch.target]
    return frame
