"""Reads files of the IDX format, in which public sets of small images come."""

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from lepton.dataset.read.stored_array import StoredArray
from lepton.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_AXES = 4
WORD = 4  # bytes of the magic number, and of the length of an axis


def read_idx(path: Path) -> np.ndarray:
    """The array of a file, which may be packed by gzip.

    Raises: DataError that names the file, when it is of another format or has another length.
    Source: http://yann.lecun.com/exdb/mnist/
    """
    head = idx_head(path)
    with _reading(path), head.open() as file:
        content = file.read(head.bytes + 1)
    if len(content) != head.bytes:
        raise _damaged(path, head.shape)
    array = np.frombuffer(content, head.dtype).reshape(head.shape)
    return array.astype(head.dtype.newbyteorder("="), copy=False)


def idx_head(path: Path) -> StoredArray:
    """The array of a file, of which the head alone has been read.

    Raises: DataError that names the file, when it is of another format, or unpacked and of another
        length.
    """
    with _reading(path):
        with path.open("rb") as raw:
            is_packed = raw.read(2) == GZIP_MAGIC
        with _opened(path, is_packed, 0) as file:
            head = file.read(WORD)
            if len(head) < WORD or head[:2] != b"\0\0" or head[2] not in DTYPES or not head[3]:
                raise DataError(f"{path}: is no IDX file")
            if (axes := head[3]) > MAX_AXES:
                raise DataError(f"{path}: has {axes} axes, more than {MAX_AXES}")
            lengths = file.read(WORD * axes)
        shape = tuple(np.frombuffer(lengths[: len(lengths) // WORD * WORD], ">u4").tolist())
        dtype, offset = np.dtype(DTYPES[head[2]]), WORD + WORD * axes
        size = offset + math.prod(shape) * dtype.itemsize
        if len(shape) < axes or not (is_packed or path.stat().st_size == size):
            raise _damaged(path, shape)
    return StoredArray(
        path=str(path),
        name=path.name,
        shape=shape,
        dtype=dtype,
        offset=None if is_packed else offset,
        open=partial(_opened, path, is_packed, offset),
        reading=partial(_reading, path),
    )


def _damaged(path: Path, shape: tuple[int, ...]) -> DataError:
    return DataError(f"{path}: is cut short or damaged; its head says {shape}")


@contextmanager
def _opened(path: Path, is_packed: bool, offset: int) -> Iterator[IO[bytes]]:
    """The unpacked content of a file from so many bytes on."""
    with gzip.open(path) if is_packed else path.open("rb") as file:
        file.read(offset)
        yield file  # type: ignore[misc]


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns what reading a file raises into a DataError that names it."""
    try:
        yield
    except (OSError, EOFError, zlib.error, MemoryError, OverflowError) as e:
        raise DataError(f"{path}: cannot be read ({' '.join(str(e).split())})") from e
