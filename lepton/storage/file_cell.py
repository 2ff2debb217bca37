"""Cells of a column of files: a path, the bytes of a file, a dict of both, or one not read yet."""

import errno
import os
import stat
from pathlib import Path
from typing import Any

from lepton.errors import DataError


class UnreadCell:
    """Base of cells that say where a file lies, and are read anew whenever it is asked for."""

    __slots__ = ()

    @property
    def path(self) -> Any:
        """The path that stands in the cell, if any."""
        raise NotImplementedError

    def read(self) -> Any:
        """What the cell holds."""
        raise NotImplementedError


def content_of(cell: Any, what: str) -> str | Path | bytes | bytearray:
    """The bytes of a file that is to be `what`, as "picture"; or the path of a regular file.

    Raises: DataError that says what is wrong with it, but not which it is.
    """
    content = path_or_bytes(cell)
    if isinstance(content, bytes | bytearray):
        return content
    if content is None or content != content or not str(content).strip():
        raise DataError(f"holds no {what}")
    if not isinstance(content, str | Path):
        raise DataError(f"{type(content).__name__} is no {what}: a path, bytes or an array is")
    try:
        mode = os.stat(content).st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise DataError("no such file") from None
    except (OSError, ValueError) as e:
        raise DataError(f"cannot be opened ({getattr(e, 'strerror', None) or e})") from None
    if not stat.S_ISREG(mode):
        raise DataError("is no file")
    if not os.access(content, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        raise DataError(f"cannot be opened ({os.strerror(errno.EACCES)})")
    return content


def path_or_bytes(cell: Any) -> Any:
    """The bytes or else the path of a dict, as the package datasets keeps files; others as are."""
    cell = cell.read() if isinstance(cell, UnreadCell) else cell
    return cell.get("bytes") or cell.get("path") if isinstance(cell, dict) else cell


def path_in(cell: Any) -> Any:
    """The path of a cell that may hold the bytes of the file as well; others as they are."""
    if isinstance(cell, UnreadCell):
        return cell.path
    return cell.get("path") if isinstance(cell, dict) else cell
