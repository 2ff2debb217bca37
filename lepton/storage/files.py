"""Files and folders that are whole under their name or not there, also after a power cut."""

import ctypes
import errno
import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT)
SYNCFS = getattr(ctypes.CDLL(None), "syncfs", None)  # Linux: all of a file system, in one go
SAID_WHEN_FULL = ("No space left on device", "os error 28", "Disk quota exceeded")


def write_json(path: Path, content: Any) -> None:
    write_bytes(path, json.dumps(content, indent=1, default=str).encode())


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Writes beside, syncs, renames, syncs the folder: a file that exists is whole."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_unique(path: Path, content: bytes) -> None:
    """Puts a file in place whole, whoever else writes the same one at this moment."""
    number, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        os.replace(part, path)
    except OSError:
        Path(part).unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Makes what a file holds, or which names a folder holds, last."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_all(folder: Path) -> None:
    """`sync` for everything in a folder, the folder itself last.

    Every call that makes something last waits for the disk, so all files are asked for at once
    where the system can do that.
    """
    opened = os.open(folder, os.O_RDONLY)
    try:
        if SYNCFS and SYNCFS(opened) == 0:
            return
    finally:
        os.close(opened)
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            with suppress(FileNotFoundError):  # what others look for here comes and goes
                sync(Path(parent, name))
        sync(Path(parent))


def rename(part: Path, path: Path) -> None:
    """Gives a folder its name, for good; a folder of that name is gone before."""
    shutil.rmtree(path, ignore_errors=True)
    os.replace(part, path)
    sync(path.parent)


def is_full(error: BaseException) -> bool:
    """Whether an error says that the disk, or the user's share of it, is full."""
    known = isinstance(error, OSError) and error.errno in FULL
    return known or any(words in str(error) for words in SAID_WHEN_FULL)
