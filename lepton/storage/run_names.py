"""Names of runs: what people read and what a run is known by; whatever stands before its id, a run
is found by that alone."""

import os
import re
import time
from pathlib import Path

from lepton.storage.run_folder import STATE_SUFFIXES

MAX_WORD = 60  # characters of one word of a name, as a file system takes 255 of them all
ID = re.compile(r"-([0-9a-f]{10})$")
PREFERRED = ("", ".part", ".old", ".pruned", ".failed")  # states, where one run has several names
FRESH = 0.1  # seconds in which a folder may change again within one tick of its clock
WAIT = 20  # between two readings of a study; in the time that one takes


def readable_name(words: list[str]) -> str:
    """Words as the beginning of a folder's name."""
    return "-".join(_plain(word) or "data" for word in words)


def _plain(word: str) -> str:
    """A word without what a shell or a glob would read, or that would hide the folder."""
    return re.sub(r"[^A-Za-z0-9._+-]", "_", word).lstrip(".-")[:MAX_WORD]


def id_of(name: str) -> str:
    """What a run is known by: the id at the end of its name, or all of a name that ends in none."""
    match = ID.search(name)
    return match[1] if match else name


def run_of(folder: str) -> str:
    """The name of the run of a folder's name, which may say in which state it is."""
    stem, suffix = os.path.splitext(folder)
    return stem if suffix in STATE_SUFFIXES else folder


def run_name(study: Path, readable: str, run_id: str) -> str:
    """The name of a run in a study: the one that it has there in any state, else a new one.

    A process that was given a name for a run keeps to it.
    """
    path = os.path.abspath(study)
    known = STUDIES.setdefault(path, _KnownNames(path))
    return known.name_of(run_id) or known.given.setdefault(run_id, f"{readable}-{run_id}")


class _KnownNames:
    """The names of runs in a study by their ids, read again when the study has changed."""

    def __init__(self, study: str):
        self.study, self.names = study, dict[str, str]()
        self.given: dict[str, str] = {}  # of runs that had no folder then
        self.modified, self.read_at = 0, 0.0  # by the clock that folders are stamped with
        self.waits_until = 0.0  # by a clock that nobody sets

    def name_of(self, run_id: str) -> str | None:
        """The name of the run of this id in the study, or None."""
        try:
            modified = os.stat(self.study).st_mtime_ns
        except OSError:
            self.names, self.modified = {}, 0
            return None
        is_known = modified == self.modified and self.read_at > modified / 1e9 + FRESH
        if not is_known and time.monotonic() > self.waits_until:
            self._read(modified)
        return self.names.get(run_id)

    def _read(self, modified: int) -> None:
        began = time.monotonic()
        self.modified, self.read_at, self.names = modified, time.time(), {}
        ranks: dict[str, int] = {}
        try:
            names = sorted(os.listdir(self.study))
        except OSError:
            return
        for entry in names:
            name = run_of(entry)
            rank = PREFERRED.index(entry.removeprefix(name))
            match = ID.search(name)
            if match and rank < ranks.get(match[1], len(PREFERRED)):
                ranks[match[1]], self.names[match[1]] = rank, name
        now = time.monotonic()
        self.waits_until = now + WAIT * (now - began)


STUDIES: dict[str, _KnownNames] = {}
