"""Reads archives of NumPy's, an array at a time."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from lepton.dataset.read.stored_array import StoredArray
from lepton.errors import DataError

HEADS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
ENDING = ".npy"  # of an array in an archive


def npz_names(path: Path) -> set[str]:
    """The names of an archive's arrays. Raises: DataError that names a file which is none."""
    if path.is_file() and not zipfile.is_zipfile(path):
        raise DataError(f"{path}: is no npz file, or only the begin of one")
    with _reading(path), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return {name.removesuffix(ENDING) for name in names if name.endswith(ENDING)}


def read_npz(path: Path, name: str) -> np.ndarray:
    """An array of an archive, in memory. Raises: DataError that names a damaged file."""
    with _reading(path), np.load(path, allow_pickle=False) as archive:
        return archive[name]


def npz_head(path: Path, name: str) -> StoredArray:
    """An array of an archive, of which the head alone has been read.

    Raises: DataError that names a damaged file.
    """
    with _reading(path), zipfile.ZipFile(path) as archive, archive.open(name + ENDING) as file:
        shape, by_column, dtype = _head(file)
    return StoredArray(
        path=str(path),
        name=name,
        shape=shape,
        dtype=dtype,
        offset=None,
        open=partial(_opened, path, name, by_column),
        reading=partial(_reading, path),
    )


def _head(file: IO[bytes]) -> tuple[Any, bool, np.dtype]:
    """The shape, whether columns come first, and the type.

    Raises: ValueError for objects, and for what has no rows to be read one by one.
    """
    version = npy.read_magic(file)
    if version not in HEADS:
        raise ValueError(f"version {version} of the format holds no pictures")
    shape, by_column, dtype = HEADS[version](file)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
    if not shape or min(shape) < 0:
        raise ValueError(f"an array of the shape {shape} has no rows")
    return shape, by_column, dtype


@contextmanager
def _opened(path: Path, name: str, by_column: bool) -> Iterator[IO[bytes]]:
    """The numbers of an array, unpacked. Raises: DataError where rows do not lie one by one."""
    if by_column:
        raise DataError(
            f"{path}: {name} is stored by column, and has to be read whole; save it anew as "
            "numpy.ascontiguousarray gives it, or raise dataset.memory_gb"
        )
    with zipfile.ZipFile(path) as archive, archive.open(name + ENDING) as file:
        _head(file)
        yield file


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns what reading an archive raises into a DataError that names it."""
    try:
        yield
    except (
        *(OSError, EOFError, ValueError, KeyError, MemoryError),
        *(zipfile.BadZipFile, zlib.error, RuntimeError),  # the last of one with a password
    ) as e:
        raise DataError(f"{path}: cannot be read ({' '.join(str(e).split())})") from e
