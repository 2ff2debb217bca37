"""Locks of runs: a file in a run's unfinished folder tells which process is training the run.

The file's name says whose it is, so that taking over what a dead process left is one atomic
rename, which only one process can win. Its content is the counter of the owner's heartbeat.
"""

import os
import re
import time
import uuid
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path

from lepton.errors import LeptonError, Locked
from lepton.storage import heartbeat
from lepton.storage.process_identity import (
    ProcessIdentity,
    is_on_this_machine,
    is_running,
    this_process,
)

LOCK_NAME = re.compile(r"\.claim_[^_]*_[^_]*_[0-9]{1,9}_[^_]*_[^_]*")
LOCK_PREFIX = ".claim"  # begins the names of lock files, also of those that 0.1 wrote


def acquire_lock(folder: Path) -> Path:
    """Makes the unfinished folder of a run and locks it; returns the lock file.

    Raises: Locked while another process, or another thread of this one, trains the run.
    """
    while True:
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
        owner = map(str, astuple(this_process()))
        lock_file = folder / "_".join([LOCK_PREFIX, *owner, uuid.uuid4().hex[:12]])
        try:
            _place(lock_file)
        except FileNotFoundError:
            continue  # another process took it, or finished the run, at this moment
        except OSError:  # nothing can be written: what was begun is no lock that others may meet
            lock_file.unlink(missing_ok=True)
            with suppress(OSError):
                folder.rmdir()  # if nothing else is in it
                folder.parent.rmdir()
            raise
        present = lock_files(folder)
        if lock_file not in present:  # finished at this moment, and renamed with this file in it
            for stray in folder.parent.glob(f"{folder.stem}*/{lock_file.name}"):
                stray.unlink(missing_ok=True)
        elif present == [lock_file]:
            heartbeat.HEARTBEAT.add(lock_file)
            return lock_file
        else:
            lock_file.unlink(missing_ok=True)  # whoever looks last gives way, so never both stay
            time.sleep(0.01 + 0.05 * os.urandom(1)[0] / 255)


def _place(lock_file: Path) -> None:
    """Puts a lock file where there is none, or in the place of a dead process's."""
    present = lock_files(lock_file.parent)
    for other in present:
        if _is_alive(other):
            raise Locked(f"{_run(lock_file)}: {_owner(other)} is training this run")
    if present:
        os.rename(present[0], lock_file)
    lock_file.write_text(f"{heartbeat.HEARTBEAT.count}")
    for other in present[1:]:
        other.unlink(missing_ok=True)


def lock_files(folder: Path) -> list[Path]:
    """The lock files in a run's folder, also those of dead processes; none once it is renamed."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(folder / name for name in names if LOCK_NAME.fullmatch(name))


def lock_owner(folder: Path) -> ProcessIdentity | None:
    """The process that trains the run of an unfinished folder, as far as one look can tell.

    A process of another machine counts, though it may be gone: that takes a minute to see.
    """
    for lock_file in lock_files(folder):
        owner = _owner(lock_file)
        if not is_on_this_machine(owner) or is_running(owner):
            return owner
    return None


def living_owner(folder: Path) -> ProcessIdentity | None:
    """The process that trains the run of an unfinished folder; one elsewhere is watched first."""
    for lock_file in lock_files(folder):
        try:
            if _is_alive(lock_file):
                return _owner(lock_file)
        except FileNotFoundError:  # given back at this moment
            continue
    return None


def check_lock(lock_file: Path) -> None:
    """Raises: Locked when another process took this lock over, thinking this one dead; LeptonError
    when the folder of the run is gone."""
    if not lock_file.parent.exists():
        raise LeptonError(
            f"{_run(lock_file)}: its folder was removed or renamed while it was being trained; "
            "the same command trains it again"
        )
    if not lock_file.exists():
        raise Locked(
            f"{_run(lock_file)}: another process has taken this run over, because this one was "
            "still"
        )


def check_folder_lock(folder: Path) -> None:
    """Raises: Locked when a folder that this process writes into is another one's by now."""
    present = [lock_file.absolute() for lock_file in lock_files(folder)]
    if present and not heartbeat.HEARTBEAT.held.intersection(present):
        check_lock(folder / LOCK_PREFIX)


def release_lock(lock_file: Path) -> None:
    """Gives a lock back; the folder is free, and stays."""
    heartbeat.HEARTBEAT.drop(lock_file)
    lock_file.unlink(missing_ok=True)


def _run(lock_file: Path) -> str:
    """The name of the run that a lock file is for."""
    return lock_file.parent.name.removesuffix(".part")


def _owner(lock_file: Path) -> ProcessIdentity:
    """The process that a lock file's name tells of."""
    host, machine, pid, start, _ = lock_file.name.removeprefix(f"{LOCK_PREFIX}_").split("_")
    return ProcessIdentity(host, machine, int(pid), start)


def _is_alive(lock_file: Path) -> bool:
    owner = _owner(lock_file)
    if is_on_this_machine(owner):
        return is_running(owner)
    return heartbeat.is_beating(lock_file, owner)
