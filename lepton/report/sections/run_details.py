"""What a row of the table of all runs opens: the run's settings and its epochs."""

from pathlib import Path

import numpy as np
import pandas as pd

from lepton.analysis.comparison import setting_text
from lepton.analysis.grouping import ROOT_SETTINGS, chosen_groups
from lepton.errors import LeptonError
from lepton.report.blocks import RunDetails
from lepton.report.number_format import format_number
from lepton.storage.run_files import read_run_table
from lepton.storage.run_folder import HISTORY_FILE

MAX_OPENED = 100  # runs, which a page of thousands would not bear
MAX_EPOCHS = 40  # of a history, spread evenly
MAX_CURVES = 6


def common_settings(frame: pd.DataFrame) -> dict[str, str]:
    """The settings that are the same in all runs."""
    settings = frame[_setting_columns(frame)]
    texts = {column: {*map(setting_text, settings[column])} for column in settings}
    return {column: values.pop() for column, values in texts.items() if len(values) == 1}


def run_details(frame: pd.DataFrame) -> list[RunDetails]:
    """The details of the first runs, in the order of the rows."""
    first = frame.iloc[:MAX_OPENED]
    shared = common_settings(frame)
    columns = [column for column in _setting_columns(frame) if column not in shared]
    return [
        RunDetails(
            str(folder),
            {c: setting_text(row[c]) for c in columns if not pd.isna(row[c])},
            *_history(Path(str(folder))),
        )
        for folder, (_, row) in zip(first["folder"], first.iterrows(), strict=True)
    ]


def _setting_columns(frame: pd.DataFrame) -> list[str]:
    roots = {*chosen_groups(frame), *ROOT_SETTINGS, "seed"}
    return [c for c in frame.columns if "/" not in c and ("." in c or c in roots)]


def _history(run_folder: Path) -> tuple[list[str], list[list[str]]]:
    """The names of the curves after the epoch, and a row for each of some epochs."""
    try:
        history = read_run_table(run_folder, HISTORY_FILE)
    except (OSError, LeptonError):
        return [], []
    if "epoch" not in history or history.empty:
        return [], []
    is_curve = [c != "epoch" and pd.api.types.is_numeric_dtype(history[c]) for c in history]
    curves = history.loc[:, is_curve].dropna(axis=1, how="all").iloc[:, :MAX_CURVES]
    places = np.unique(np.linspace(0, len(history) - 1, MAX_EPOCHS).round().astype(int))
    rows = [
        [str(int(history["epoch"].iloc[i]) + 1), *map(format_number, curves.iloc[i])]
        for i in places
    ]
    return ["epoch", *(name.replace("/", " ") for name in curves)], rows
