"""Files for the time of a process: nobody finds them by a name, and the system frees them."""

import ctypes
import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa

from lepton.errors import LeptonError
from lepton.storage.cache_entries import FOLDER_VARIABLE, cache_folder, mark_as_written
from lepton.storage.cache_locks import UNFINISHED
from lepton.storage.files import is_disk_full

SCRATCH = "scratch"  # folder of the cache
IN_MEMORY_BYTES = 1 << 26  # of what is small enough to stay in memory where a file would do


@contextmanager
def scratch_file() -> Iterator[tuple[IO[bytes], Path]]:
    """An empty file to write and to map; its name is gone on leaving, what is mapped stays.

    Raises: LeptonError in a line when the disk is full, or the cache's folder cannot be written.
    """
    folder = cache_folder() / SCRATCH
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=UNFINISHED, dir=folder)
        mark_as_written(descriptor)
    except OSError as e:
        raise unwritable(folder, e) from e
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file, Path(name)
            file.flush()
    except OSError as e:
        raise unwritable(folder, e) from e
    finally:
        with suppress(OSError):
            os.unlink(name)


def scratch_array(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array of zeros that lies in a scratch file.

    Raises: LeptonError in a line when the disk has no room for it.
    """
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    if not size:
        return np.zeros(shape, dtype=dtype)
    with scratch_file() as (file, _):
        reserve(file, size)
        return np.frombuffer(mmap.mmap(file.fileno(), size), dtype=dtype).reshape(shape)


def reserve(file: IO[bytes], size: int) -> None:
    """Makes a file this long, on the disk too: a full one is an error here, not a signal later."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)


def release_memory() -> None:
    """Gives back to the system what allocators keep of freed memory, where they can be told to."""
    pa.default_memory_pool().release_unused()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # of glibc
        trim(0)


def unwritable(folder: Path, error: OSError) -> LeptonError:
    """The error of a folder of the cache that takes no more."""
    reason = "the disk is full" if is_disk_full(error) else error.strerror or str(error)
    return LeptonError(
        f"{folder}: {reason}; data that do not fit into memory are kept there, and "
        f"{FOLDER_VARIABLE} names another folder"
    )
