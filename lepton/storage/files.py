"""Writes files and folders that are whole under their name or not there, also after a power cut."""

import ctypes
import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lepton.errors import LeptonError

DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
DISK_FULL_MESSAGES = (  # in lower case, where an error carries no number
    "no space left on",
    "no space to train",
    "os error 28",
    "disk quota exceeded",
)
SYNCFS = getattr(ctypes.CDLL(None), "syncfs", None)  # Linux: all of a file system, in one go


def unwritable_study(folder: Path, error: OSError) -> LeptonError:
    """What is said of a folder of runs, or of what stands in a file's place there."""
    in_the_way = error.filename2  # what a file could not be renamed to
    return LeptonError(f"runs: cannot write to {in_the_way or folder} ({error.strerror})")


def write_json(path: Path, content: Any) -> None:
    """Writes a value as a JSON file that is whole or not there; other types go as their text."""
    write_bytes(path, json.dumps(content, indent=1, default=str).encode())


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Writes beside, syncs, renames, syncs the folder: a file that exists is whole."""
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_path(path.parent)


@contextmanager
def new_folder(path: Path, name: str) -> Iterator[Path]:
    """Yields a folder to write to, which takes its place when all of it is written; else it goes.

    Raises: LeptonError that begins with `name` when it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True)
        yield part
        sync_folder(part)
        os.rename(part, path)
    except OSError as e:
        raise LeptonError(f"{name}: cannot be written ({e.strerror})") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def sync_path(path: Path) -> None:
    """Has the disk keep a file's content, or the names that a folder holds, before it returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Syncs everything in a folder, the folder itself last.

    Every sync waits for the disk, so all files are asked for at once where the system can do that.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if SYNCFS and SYNCFS(descriptor) == 0:
            return
    finally:
        os.close(descriptor)
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            with suppress(FileNotFoundError):  # what others look for here comes and goes
                sync_path(Path(parent, name))
        sync_path(Path(parent))


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Lets one process at a time write into a folder, where the system can lock one."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # not on every network file system
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def replace_folder(source: Path, target: Path) -> None:
    """Gives a folder another's name, for good; the one that had it is removed before."""
    shutil.rmtree(target, ignore_errors=True)
    os.replace(source, target)
    sync_path(target.parent)


def is_file_too_large(error: BaseException | None) -> bool:
    """True for a file above the size that this process may write, also in an error's words."""
    by_number = isinstance(error, OSError) and error.errno == errno.EFBIG
    return by_number or (isinstance(error, Exception) and "file too large" in str(error).lower())


def is_disk_full(error: BaseException | None) -> bool:
    """True when the disk, or the user's share of it, is full.

    An error says so, or one in the chain of what led to it; an interruption never does.
    """
    chain: list[Exception] = []
    while isinstance(error, Exception) and error not in chain:  # a chain may lead back to itself
        by_number = isinstance(error, OSError) and error.errno in DISK_FULL_ERRNOS
        if by_number or any(message in str(error).lower() for message in DISK_FULL_MESSAGES):
            return True
        chain.append(error)
        error = error.__cause__ or error.__context__
    return False
