"""Files of a study beside its runs: the plan of its sweeps and the tables of its results."""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton.errors import Damaged, LeptonError
from lepton.foreign_text import spreadsheet_safe
from lepton.storage.files import locked_folder, unwritable_study, write_json
from lepton.storage.study_files import read_study_json
from lepton.storage.study_table import load

if TYPE_CHECKING:
    import pandas as pd

MAX_PLAN_BYTES = 1 << 28
PLAN_FILE, TABLE_FILES = "sweep.json", ("results.parquet", "results.csv")
REFRESH_INTERVAL = 20  # between two writings of the tables; in the time that one writing takes


def make_studies(studies: Iterable[Path]) -> None:
    """Makes the folders that runs will be written to, before the first run starts.

    Raises: LeptonError where that is not possible.
    """
    for study in studies:
        try:
            study.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise unwritable_study(study, e) from None


def add_planned_runs(runs: Mapping[Path, str]) -> None:
    """Adds runs to the plans of their studies: their folders, with the overrides that meant them.

    Raises: LeptonError when a study cannot be written to.
    """
    for study, overrides_by_run in _by_study(runs).items():
        try:
            with locked_folder(study):
                planned = planned_runs(study)
                if overrides_by_run.items() - planned.items():
                    _write_plan(study, {**planned, **overrides_by_run})
        except OSError as e:
            raise unwritable_study(study, e) from None


def _by_study(runs: Mapping[Path, str]) -> dict[Path, dict[str, str]]:
    by_study: dict[Path, dict[str, str]] = {}
    for folder, overrides in runs.items():
        by_study.setdefault(folder.parent, {})[folder.name] = overrides
    return by_study


def _write_plan(study: Path, runs: dict[str, str]) -> None:
    write_json(study / PLAN_FILE, {"runs": runs, "sha256": _plan_digest(runs)})


def _plan_digest(runs: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(runs, sort_keys=True).encode()).hexdigest()


def planned_runs(study: Path) -> dict[str, str]:
    """The names of the runs that sweeps of a study planned, with the overrides that meant them.

    Raises: LeptonError when the file is there and cannot be read.
    """
    path, what = study / PLAN_FILE, "a plan of lepton's"
    return read_study_json(path, _checked_plan, max_bytes=MAX_PLAN_BYTES, what=what)


def _checked_plan(content: Any) -> dict[str, str]:
    runs = dict(content["runs"])
    if not all(isinstance(text, str) and "/" not in name for name, text in runs.items()):
        raise ValueError("a run without a name and overrides")
    " ".join([*runs, *runs.values()]).encode()  # halves of characters are no text
    if content.get("sha256", _plan_digest(runs)) != _plan_digest(runs):
        raise Damaged("damaged: its SHA-256 is not the one it was written with")
    return runs


class StudyTables:
    """Keeps a study's `results.parquet` and `results.csv` fresh without costing much."""

    def __init__(self, study: Path):
        self.study, self.next_refresh = study, 0.0

    def refresh(self, *, at_once: bool = False) -> None:
        """Writes the tables, unless they were written a moment ago and it need not be at once."""
        started = time.monotonic()
        if at_once or started >= self.next_refresh:
            write_tables(self.study)
            ended = time.monotonic()
            self.next_refresh = ended + REFRESH_INTERVAL * (ended - started)


def refresh_tables(study: Path) -> None:
    """Brings the tables of a study up to date, if a sweep has made some."""
    if any((study / name).is_file() for name in TABLE_FILES):
        write_tables(study)


def write_tables(study: Path) -> None:
    """Writes the study as a table, whole or not at all.

    A full disk or a result that cannot be read takes nothing from the runs, and is told by others.
    """
    with suppress(OSError, LeptonError), locked_folder(study):
        frame = load(study)
        if frame.empty:
            return
        for name in TABLE_FILES:
            temporary = study / f".{name}.part"
            try:
                if name.endswith(".csv"):
                    spreadsheet_safe(frame).to_csv(temporary, index=False)
                else:
                    mixed_columns_as_text(frame).to_parquet(temporary, index=False)
                os.replace(temporary, study / name)
            finally:
                temporary.unlink(missing_ok=True)


def mixed_columns_as_text(frame: "pd.DataFrame") -> "pd.DataFrame":
    """A table whose columns of several types are text, as Parquet holds one type a column."""
    mixed = [name for name in frame if frame[name].dropna().map(type).nunique() > 1]
    return frame.assign(**{name: frame[name].map(str, na_action="ignore") for name in mixed})
