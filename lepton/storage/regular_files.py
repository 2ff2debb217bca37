"""Opens regular files alone: no pipe that never ends, no device, no link that leads elsewhere."""

import os
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from lepton.errors import Damaged

FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)


def open_regular(folder: Path, name: str) -> BinaryIO:
    """A file of a run's folder, given by its name from there, opened to be read.

    Raises: OSError where there is none; Damaged for what is no regular file or lies outside.
    """
    if "/" in name or name in ("", ".", ".."):
        _check_parents(folder, name)
    return _open(f"{folder}/{name}")


def _check_parents(folder: Path, name: str) -> None:
    """Raises: OSError, Damaged when a name leads out of the folder, or through a link."""
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or parts[0] == "/":
        raise Damaged(f"{folder / name}: not inside of the run's folder")
    parent = folder
    for part in parts[:-1]:
        parent = parent / part
        if stat.S_ISLNK(os.lstat(parent).st_mode):
            raise Damaged(f"{parent}: a link, where lepton writes folders and files alone")


def read_regular(path: str | Path, most_bytes: int) -> bytes:
    """The content of a regular file.

    Raises: OSError where there is none; Damaged when it is longer, a link or no file at all.
    """
    with _open(path) as file:
        content = read_at_most(file, most_bytes + 1)
    if len(content) > most_bytes:
        raise Damaged(f"{path}: damaged: longer than {most_bytes} bytes")
    return content


def read_at_most(file: BinaryIO, most_bytes: int) -> bytes:
    """The content of an opened file, or its beginning; takes memory for what is there alone."""
    size = os.fstat(file.fileno()).st_size
    content = file.read(min(size + 1, most_bytes))
    if len(content) > size:  # it has grown meanwhile
        content += file.read(most_bytes - len(content))
    return content


def _open(path: str | Path) -> BinaryIO:
    kind = os.lstat(path).st_mode
    if not stat.S_ISREG(kind):
        what = "a link" if stat.S_ISLNK(kind) else "a folder" if stat.S_ISDIR(kind) else "no file"
        raise Damaged(f"{path}: {what}, where lepton writes a regular file")
    return os.fdopen(os.open(path, FLAGS), "rb")
