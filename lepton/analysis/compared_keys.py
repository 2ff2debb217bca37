"""Checks the keys that options of a study are asked to be compared by."""

import pandas as pd

from lepton.analysis.comparison import setting_text
from lepton.analysis.grouping import (
    FACT_COLUMNS,
    REPETITION_KEYS,
    chosen_groups,
    varying_settings,
)
from lepton.analysis.label_use import VALIDATION, label_use_note, without_label_use
from lepton.config.data_identity import tells_data
from lepton.errors import LeptonError, TooAlike, did_you_mean

MAX_OPTIONS = 40  # of a comparison; more are a search, whose keys are weighed instead
MAX_PLACES = 24  # of a curve
RANKS_HINT = (
    "--compare model ranks models over all of them, and a table of each is shown without --compare"
)
USED_DIFFERENTLY = (
    f"that used their labels in different ways ({VALIDATION}=inside and outside), whose scores do "
    f"not compare; sweep with one of the two, or look at one by --where '{VALIDATION} == inside'"
)


def check_keys(keys: list[str], frame: pd.DataFrame) -> list[str]:
    """The keys, once they are known as settings in which the finished runs of `frame` differ.

    Raises: LeptonError for any that is not, and for too many options.
    """
    for key in keys:
        _check_key(key, frame, "--compare")
    options = len(frame[keys].drop_duplicates())
    if options > MAX_OPTIONS:
        raise LeptonError(
            f"--compare {','.join(keys)}: {options} options are too many for a table (at most "
            f"{MAX_OPTIONS}); `lepton report` weighs such keys"
        )
    return keys


def check_curve(key: str, keys: list[str] | None, frame: pd.DataFrame) -> str:
    """The key of a curve, once it is known as a number in which the finished runs differ.

    Raises: LeptonError for any other, and where no keys are compared.
    """
    if not keys:
        raise LeptonError(f"--curve {key}: needs --compare, the keys whose options are shown")
    if key in REPETITION_KEYS:
        raise LeptonError(f"--curve {key}: tells repetitions apart, over which a curve averages")
    _check_key(key, frame, "--curve")
    values = frame[key].dropna()
    if not is_number(values):
        some = ", ".join(map(setting_text, values.unique()[:3]))
        raise LeptonError(f"--curve {key}: its values are no numbers ({some})")
    if (places := frame[key].nunique(dropna=False)) > MAX_PLACES:
        raise LeptonError(
            f"--curve {key}: {places} values are too many for a table (at most {MAX_PLACES}); "
            "`lepton report` without --curve draws each run by them"
        )
    return key


def is_number(column: pd.Series) -> bool:
    """True for a column whose values are numbers, but for missing ones."""
    values = column.dropna().infer_objects()
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _check_key(key: str, frame: pd.DataFrame, flag: str) -> None:
    """Raises: LeptonError for a key that is no setting in which the runs of one data set differ."""
    settings = [c for c in frame.columns if "/" not in c and c not in FACT_COLUMNS - {"study"}]
    if key not in settings:
        raise LeptonError(f"{flag} {key}: no such setting{did_you_mean(key, settings)}")
    if _tells_data_sets(key, frame):
        names = [*frame["dataset"].unique()]
        reason = f"it differs between data sets, whose scores do not compare; {RANKS_HINT}"
        if label_use_note(names) and len({*map(without_label_use, names)}) < 2:
            reason = f"it differs between runs {USED_DIFFERENTLY}"
        raise LeptonError(f"{flag} {key}: {reason}")
    values = frame[key].dropna()
    if values.nunique() + frame[key].isna().any() < 2:
        only = f"have {key}={setting_text(values.iloc[0])}" if len(values) else f"lack {key}"
        varying = ", ".join(varying_settings(frame, chosen_groups(frame)))
        raise TooAlike(
            f"{flag} {key}: all {len(frame)} finished runs {only}; they differ in "
            f"{varying or 'nothing but their seeds'}"
        )


def _tells_data_sets(key: str, frame: pd.DataFrame) -> bool:
    """True for a key that differs between the data sets of a table, and within none of them."""
    if frame[key].nunique(dropna=False) < 2 or not (key == "dataset" or key.startswith("dataset.")):
        return False
    by_dataset = frame.groupby("dataset")[key]
    return key == "dataset" or tells_data(key) or bool((by_dataset.nunique(dropna=False) < 2).all())
