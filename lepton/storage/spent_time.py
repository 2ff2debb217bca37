"""What sweeps with a budget have used of it, kept in their study: the time, and each run's cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lepton.errors import Damaged
from lepton.storage.bounded_parsing import parse_json
from lepton.storage.files import locked_folder, unwritable_study, write_json
from lepton.storage.regular_files import read_regular
from lepton.storage.run_files import naming_damage

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
    path = study / SPENT_FILE
    try:
        with naming_damage(path):
            content = parse_json(read_regular(path, MAX_BYTES))
            if not isinstance(content, dict) or not all(map(_is_entry, content.values())):
                raise ValueError("no time of sweeps")
            return content
    except FileNotFoundError:
        return {}
    except Damaged as e:
        why = str(e).removeprefix(f"{path}: ")
        raise Damaged(f"{path}: not what lepton wrote; remove the file ({why})") from None


def _is_entry(entry: Any) -> bool:
    if not (isinstance(entry, Mapping) and isinstance(runs := entry.get("runs"), Mapping)):
        return False
    numbers = [entry.get("total"), *runs.values()]
    return all(type(n) in (int, float) and 0 <= n < math.inf for n in numbers)
