"""Folders that one run has under several names: processes that were given different names for it,
and began at the same time, train it once."""

import os
import time
from pathlib import Path

from lepton.errors import Finished, Locked
from lepton.storage.lock import acquire_lock, living_owner, release_lock
from lepton.storage.run_folder import RESULT_FILE, finished_folder, unfinished_folder
from lepton.storage.run_names import ID, PREFERRED, id_of, run_of

UNFINISHED = unfinished_folder(Path("run")).suffix


def namesakes(folder: Path) -> list[Path]:
    """The folders, in any state, that a run has in its study under other names."""
    if not ID.search(folder.name):
        return []
    end = f"-{id_of(folder.name)}"
    try:
        names = [name for name in os.listdir(folder.parent) if end in name]
    except OSError:
        return []
    others = [n for n in names if run_of(n).endswith(end) and run_of(n) != folder.name]
    ranks = {name: PREFERRED.index(name.removeprefix(run_of(name))) for name in others}
    return [folder.with_name(name) for name in sorted(others, key=lambda n: (ranks[n], n))]


def as_it_lies(folder: Path) -> Path:
    """The folder of a run under the name that it has by now, which another process may have given.

    A folder that is there keeps its name, and so does a run of which nothing is there.
    """
    if folder.exists() or unfinished_folder(folder).exists():
        return folder
    return next((folder.with_name(run_of(other.name)) for other in namesakes(folder)), folder)


def lock_run(folder: Path, *, rerun: bool) -> Path:
    """Locks a run, whichever names it has; returns the lock file in its unfinished folder.

    Raises: Locked while another process trains it; Finished when it is finished under another name
        and `rerun` is false; OSError.
    """
    unfinished = unfinished_folder(folder)
    while True:
        lock_file = acquire_lock(unfinished)
        # of two that look after both have their locks, one sees the other's at least
        others = namesakes(folder)
        if not (rerun or folder.exists()):
            for other in others:
                if run_of(other.name) == other.name and (other / RESULT_FILE).is_file():
                    _give_way(unfinished, lock_file)
                    raise Finished(other)
        if not _trained_elsewhere(others):
            return lock_file
        _give_way(unfinished, lock_file)
        time.sleep(0.01 + 0.05 * os.urandom(1)[0] / 255)
        if line := _trained_elsewhere(namesakes(folder)):
            raise Locked(f"{folder.name}: {line}")


def _trained_elsewhere(others: list[Path]) -> str:
    """Who trains a run under another name, in words; nothing where nobody does."""
    for other in others:
        if other.suffix == UNFINISHED and (owner := living_owner(other)):
            return f"{owner} is training this run, as {finished_folder(other).name}"
    return ""


def _give_way(unfinished: Path, lock_file: Path) -> None:
    """Gives a lock back, and leaves no folder that holds nothing else."""
    release_lock(lock_file)
    try:
        unfinished.rmdir()
    except OSError:
        return
