"""The table of a study's runs in the few columns that tell them apart."""

import pandas as pd

from lepton.analysis.grouping import (
    REPETITION_KEYS,
    chosen_groups,
    derived_columns,
    varying_settings,
    without_derived,
)
from lepton.analysis.score_metrics import score_columns


def compact_table(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a study's table: run, status, the settings that differ (the model where none
    does), what repeats them, the validation metrics that scores are, test metrics, folder.

    An error, and the data set, have a column where runs differ in them.
    """
    runs = without_derived(frame)
    settings = varying_settings(runs, chosen_groups(runs)) if len(runs) else []
    several = [c for c in ("dataset", "error") if c in frame and frame[c].notna().any()]
    several = [c for c in several if c == "error" or frame[c].nunique() > 1]
    repetitions = [key for key in REPETITION_KEYS if key in frame and frame[key].nunique() > 1]
    metrics = score_columns(frame[frame["status"] == "finished"]) or ["score"]
    columns = [
        *("run", "status"),
        *several,
        *(settings or ["model"]),
        *derived_columns(frame),
        *("seed", *repetitions),
        *metrics,
        *(column for column in frame if column.startswith("test/")),
        "folder",
    ]
    return frame[[column for column in dict.fromkeys(columns) if column in frame]]
