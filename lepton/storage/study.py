"""What a sweep keeps in its study beside the runs: what was planned, and the table of results."""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from lepton.errors import LeptonError
from lepton.storage import results

PLAN, TABLES = "sweep.json", ("results.parquet", "results.csv")
SHARE = 20  # the table is written anew when so many times its own duration has passed


def make(studies: Iterable[Path]) -> None:
    """Makes the folders that runs will be written to, before the first run starts.

    Raises: LeptonError where that is not possible.
    """
    for study in studies:
        try:
            study.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise LeptonError(f"runs: cannot write to {study} ({e.strerror})") from None


def remember(runs: Mapping[Path, str]) -> None:
    """Adds runs to what is planned in their studies: folders, and the words that meant them.

    Raises: LeptonError when a study cannot be written to.
    """
    for study, names in _by_study(runs).items():
        try:
            with _alone(study):
                known = planned(study)
                if names.items() - known.items():
                    results.write_json(study / PLAN, {"runs": {**known, **names}})
        except OSError as e:
            raise LeptonError(f"runs: cannot write to {study} ({e.strerror})") from None


def _by_study(runs: Mapping[Path, str]) -> dict[Path, dict[str, str]]:
    by_study: dict[Path, dict[str, str]] = {}
    for folder, words in runs.items():
        by_study.setdefault(folder.parent, {})[folder.name] = words
    return by_study


def planned(study: Path) -> dict[str, str]:
    """The names of the runs that sweeps of this study asked for, and the words that meant them.

    Raises: LeptonError when the file is there and cannot be read.
    """
    path = study / PLAN
    try:
        return dict(json.loads(path.read_text())["runs"])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError):
        raise LeptonError(f"{path}: not a plan of lepton's; remove the file") from None


class Tables:
    """Keeps a study's `results.parquet` and `results.csv` fresh without costing much."""

    def __init__(self, study: Path):
        self.study, self.next = study, 0.0

    def refresh(self, *, now: bool = False) -> None:
        """Writes the tables, unless they were written a moment ago and it need not be `now`."""
        started = time.monotonic()
        if now or started >= self.next:
            tabulate(self.study)
            ended = time.monotonic()
            self.next = ended + SHARE * (ended - started)


def refresh(study: Path) -> None:
    """Brings the tables of a study up to date, if a sweep has made some."""
    if any((study / name).is_file() for name in TABLES):
        tabulate(study)


def tabulate(study: Path) -> None:
    """Writes the study as a table, whole or not at all.

    A full disk or a result that cannot be read takes nothing from the runs, and is told by others.
    """
    with suppress(OSError, LeptonError), _alone(study):
        frame = results.load(study)
        if frame.empty:
            return
        for name in TABLES:
            part = study / f".{name}.part"
            try:
                if name.endswith(".csv"):
                    frame.to_csv(part, index=False)
                else:
                    results.as_text(frame).to_parquet(part, index=False)
                os.replace(part, study / name)
            finally:
                part.unlink(missing_ok=True)


@contextmanager
def _alone(study: Path) -> Iterator[None]:
    """One process at a time, where the system can lock a folder."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    folder = os.open(study, os.O_RDONLY)
    try:
        with suppress(OSError):  # not on every network file system
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
