"""Gathers every run of one or more studies, also those that were planned and have no result."""

import logging
import os
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from lepton.analysis.data_sets import with_data_sets
from lepton.errors import Damaged, NoRun
from lepton.stats.repetitions import with_untested_rows
from lepton.storage.bounded_parsing import parse_yaml
from lepton.storage.derived_record import DERIVED_KEY
from lepton.storage.run_folder import CONFIG_FILE, run_status
from lepton.storage.run_names import id_of, run_of
from lepton.storage.study import planned_runs
from lepton.storage.study_table import read_rows, study_folder, table_of_rows

log = logging.getLogger("lepton")
STATUSES = ("finished", "pruned", "diverged", "failed", "unreadable", "running", "missing")
LOST_STATUSES = STATUSES[2:5]  # ended without a result
UNENDED_STATUSES = STATUSES[5:]


def gather_runs(studies: list[str | Path]) -> pd.DataFrame:
    """The rows of `study_table.load`, and a row with status missing or running for each planned run
    that has not ended. The column `dataset` tells data sets by their content, `rows/left_out` how
    many training rows shots or a fraction left out; rows that folds validated count once.

    Raises: LeptonError when a study is not there, NoRun when none of them holds a run.
    """
    folders = list(dict.fromkeys(study_folder(study) for study in studies))
    rows = []
    for folder in folders:
        ended_rows = read_rows(folder)
        rows += [*ended_rows, *_unended_rows(folder, ended_rows)]
    if not rows:
        raise NoRun("; ".join(map(_without_runs, folders)))
    runs = table_of_rows(rows).drop_duplicates("folder", ignore_index=True)
    return with_data_sets(with_untested_rows(runs))


def _without_runs(folder: Path) -> str:
    """The line for a folder that holds no run; it may be one."""
    if not (folder / CONFIG_FILE).is_file():
        return f"{folder}: holds no run yet"
    return f"{folder}: is a run and no study; write lepton show {shlex.quote(str(folder))}"


def _unended_rows(folder: Path, ended_rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs that were planned and did not end; none for a folder that records no plan."""
    ended_ids = {id_of(run_of(os.path.basename(row["folder"]))) for row in ended_rows}
    return [
        {
            **_settings(overrides),
            "run": name,
            "status": "running" if run_status(folder / name) == "running" else "missing",
            "folder": str(folder / name),
        }
        for name, overrides in _planned(folder).items()
        if id_of(name) not in ended_ids
    ]


def _planned(folder: Path) -> dict[str, str]:
    """The planned runs, each under the last of its names; none, and a word, where the plan is
    damaged."""
    try:
        planned = planned_runs(folder)
    except Damaged as e:
        log.warning("%s", e)
        return {}
    names = {id_of(name): name for name in planned}
    return {name: planned[name] for name in names.values()}


def _settings(overrides: str) -> dict[str, Any]:
    """The values that overrides set, by key; lists stay text, as in a study's table."""
    settings = {}
    try:
        words = shlex.split(overrides)
    except ValueError:  # no overrides of lepton's
        return {}
    for override in words:
        key, _, text = override.lstrip("+").partition("=")
        try:
            value = parse_yaml(text.encode())
        except (yaml.YAMLError, ValueError, Damaged):
            value = text
        settings[key] = text if isinstance(value, list | dict) else value
    return settings


def describe_counts(frame: pd.DataFrame) -> str:
    """The number of runs by status, as '12 runs: 10 finished, 1 failed, 1 missing'."""
    counts = Counter(frame["status"])
    by_status = ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
    derived = Counter(frame[DERIVED_KEY].dropna()) if DERIVED_KEY in frame else {}
    makers = [f"{count} of them made by lepton {command}" for command, count in derived.items()]
    of_them = f" ({', '.join(makers)})" if makers else ""
    return f"{len(frame)} {'run' if len(frame) == 1 else 'runs'}: {by_status}{of_them}"
