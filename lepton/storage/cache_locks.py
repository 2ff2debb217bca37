"""Marks folders and files of the cache as in use by a process, and removes what none uses.

A folder is held through the file `lock` in it, a file by itself; the system gives back what a
process held that is gone.
"""

import fcntl
import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

LOCK_FILE = "lock"
UNFINISHED = ".part-"  # begins the names of what is being written, or removed
UNLOCKED_SECONDS = 3600  # that something may be there before it is locked
HELD: dict[Path, int] = {}  # folders that this process uses, with the descriptors of their locks


def make_held_folder(parent: Path) -> Path:
    """A new folder that this process holds, below one that is made where it is not there."""
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=parent))
        (folder / LOCK_FILE).touch()
        with suppress(FileNotFoundError):  # taken for what a killed process left, before the lock
            hold(folder)
            return folder


def hold(folder: Path) -> None:
    """Marks a folder as in use for as long as this process lives.

    Raises: OSError where there is none, or it is removed at this moment.
    """
    lock = folder / LOCK_FILE
    if folder in HELD and os.path.samestat(os.fstat(HELD[folder]), lock.stat()):
        return
    descriptor = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if not os.path.samestat(os.fstat(descriptor), lock.stat()):
            raise FileNotFoundError(f"{folder} is another one by now")
    except OSError:
        os.close(descriptor)
        raise
    HELD[folder] = descriptor  # one of an earlier folder stays open, whose arrays may be mapped


def let_go(folder: Path) -> None:
    """Says that this process does not use a folder any more, nor those in it."""
    for held in [path for path in HELD if path == folder or folder in path.parents]:
        os.close(HELD.pop(held))


def set_aside(folder: Path) -> None:
    """Takes its name from a folder, which goes when no process uses it any more."""
    with suppress(OSError):
        _take_name(folder)
    if folder in HELD:
        os.close(HELD.pop(folder))


def move_if_no_entry(path: Path) -> None:
    """Takes the name of an entry from what is none: a file, a link, a folder that has no lock.

    Raises: OSError where the system does not allow it.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        if not path.is_symlink() and stat.S_ISREG(os.lstat(path / LOCK_FILE).st_mode):
            return
    with suppress(FileNotFoundError):
        _take_name(path)


def _take_name(path: Path) -> Path:
    """Gives a path a name of what is being removed.

    Raises: OSError where there is none, or the system does not allow it.
    """
    going = path.parent / f"{UNFINISHED}{os.urandom(4).hex()}"
    os.rename(path, going)
    return going


def remove_if_unused(path: Path) -> bool:
    """Removes a folder, or a file that is being written, which no process uses; False where one
    does, or the system does not allow it."""
    if path in HELD:
        return False
    lock = path / LOCK_FILE if path.is_dir() else path
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return _remove_unlocked(path)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_same = os.path.samestat(os.fstat(descriptor), lock.stat())  # not made anew meanwhile
        return is_same and _remove(path)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def remove_unfinished(folder: Path) -> None:
    """Removes what processes that were killed have left in a folder."""
    for part in folder.glob(f"{UNFINISHED}*"):
        remove_if_unused(part)


def _remove_unlocked(path: Path) -> bool:
    """Removes a folder without a lock, unless it is about to get one."""
    try:
        is_old = time.time() - path.stat().st_mtime > UNLOCKED_SECONDS
    except FileNotFoundError:
        return True
    return is_old and _remove(path)


def _remove(path: Path) -> bool:
    """Removes in two steps: whoever looks meanwhile finds all of a folder under its name, or none.

    Raises: OSError where the system does not allow it.
    """
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return True
    going = path
    if not path.name.startswith(UNFINISHED):
        going = _take_name(path)
    shutil.rmtree(going, ignore_errors=True)
    return not going.exists()
