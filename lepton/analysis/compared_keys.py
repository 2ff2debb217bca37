"""Checks the keys that options of a study are asked to be compared by."""

import pandas as pd

from lepton.analysis.comparison import setting_text
from lepton.analysis.grouping import FACT_COLUMNS, chosen_groups, varying_settings
from lepton.config.data_identity import tells_data
from lepton.errors import LeptonError, TooAlike, did_you_mean

MAX_OPTIONS = 40  # of a comparison; more are a search, whose keys are weighed instead


def check_keys(keys: list[str], frame: pd.DataFrame) -> list[str]:
    """The keys, once they are known as settings in which the finished runs of `frame` differ.

    Raises: LeptonError for any that is not, and for too many options.
    """
    settings = [c for c in frame.columns if "/" not in c and c not in FACT_COLUMNS - {"study"}]
    for key in keys:
        if key not in settings:
            raise LeptonError(f"--compare {key}: no such setting{did_you_mean(key, settings)}")
        if _tells_data_sets(key, frame):
            raise LeptonError(
                f"--compare {key}: it differs between data sets, whose scores do not compare; "
                "--compare model ranks models over all of them, and a table of each is shown "
                "without --compare"
            )
        values = frame[key].dropna()
        if values.nunique() + frame[key].isna().any() < 2:
            only = f"have {key}={setting_text(values.iloc[0])}" if len(values) else f"lack {key}"
            varying = ", ".join(varying_settings(frame, chosen_groups(frame)))
            raise TooAlike(
                f"--compare {key}: all {len(frame)} finished runs {only}; they differ in "
                f"{varying or 'nothing but their seeds'}"
            )
    options = len(frame[keys].drop_duplicates())
    if options > MAX_OPTIONS:
        raise LeptonError(
            f"--compare {','.join(keys)}: {options} options are too many for a table (at most "
            f"{MAX_OPTIONS}); `lepton report` weighs such keys"
        )
    return keys


def _tells_data_sets(key: str, frame: pd.DataFrame) -> bool:
    """True for a key that differs between the data sets of a table, and within none of them."""
    if frame[key].nunique() < 2 or not (key == "dataset" or key.startswith("dataset.")):
        return False
    by_dataset = frame.groupby("dataset")[key]
    return key == "dataset" or tells_data(key) or bool((by_dataset.nunique(dropna=False) < 2).all())
