"""What sweeps with a budget have used of it, kept in their study: the time, and each run's cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lepton.storage.files import locked_folder, unwritable_study, write_json
from lepton.storage.study_files import read_study_json

SPENT_FILE, MAX_BYTES = ".budget.json", 1 << 26


@dataclass
class SpentTime:
    """The time that a sweep has used, and what its runs have cost, by their names.

    Units: seconds.
    """

    total: float = 0.0
    by_run: dict[str, float] = field(default_factory=dict)


def spent_time(study: Path, sweep: str) -> SpentTime:
    """What a sweep has used, nothing where it never ran.

    Raises: Damaged when the file is there and is not what was written.
    """
    entry = _read(study).get(sweep)
    return SpentTime(entry["total"], dict(entry["runs"])) if entry else SpentTime()


def keep_spent_time(study: Path, sweep: str, spent: SpentTime) -> None:
    """Keeps what a sweep has used, beside what another process knows of it.

    Raises: LeptonError when the study cannot be written to.
    """
    try:
        with locked_folder(study):
            before = spent_time(study, sweep)
            runs = {name: round(seconds, 2) for name, seconds in spent.by_run.items()}
            total = max(round(spent.total, 2), before.total)
            entry = {"total": total, "runs": {**before.by_run, **runs}}
            write_json(study / SPENT_FILE, {**_read(study), sweep: entry})
    except OSError as e:
        raise unwritable_study(study, e) from None


def _read(study: Path) -> dict[str, Any]:
    path, what = study / SPENT_FILE, "what lepton wrote"
    return read_study_json(path, _checked, max_bytes=MAX_BYTES, what=what)


def _checked(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict) or not all(map(_is_entry, content.values())):
        raise ValueError("no time of sweeps")
    return content


def _is_entry(entry: Any) -> bool:
    if not (isinstance(entry, Mapping) and isinstance(runs := entry.get("runs"), Mapping)):
        return False
    numbers = [entry.get("total"), *runs.values()]
    return all(type(n) in (int, float) and 0 <= n < math.inf for n in numbers)
