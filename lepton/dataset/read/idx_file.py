"""Reads files of the IDX format, in which public sets of small images come."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from lepton.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_AXES = 4


def read_idx(path: Path) -> np.ndarray:
    """The array of a file, which may be packed by gzip.

    Raises: DataError that names the file, when it is of another format or has another length.
    Source: http://yann.lecun.com/exdb/mnist/
    """
    try:
        with path.open("rb") as raw:
            is_packed = raw.read(2) == GZIP_MAGIC
        with gzip.open(path) if is_packed else path.open("rb") as file:
            head = file.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in DTYPES or not head[3]:
                raise DataError(f"{path}: is no IDX file")
            if head[3] > MAX_AXES:
                raise DataError(f"{path}: has {head[3]} axes, more than {MAX_AXES}")
            shape = tuple(np.frombuffer(file.read(4 * head[3]), ">u4").tolist())
            dtype = np.dtype(DTYPES[head[2]])
            size = math.prod(shape) * dtype.itemsize
            content = file.read(size + 1) if len(shape) == head[3] else b""
    except (OSError, EOFError, zlib.error, MemoryError, OverflowError) as e:
        raise DataError(f"{path}: cannot be read ({' '.join(str(e).split())})") from e
    if len(shape) < head[3] or len(content) != size:
        raise DataError(f"{path}: is cut short or damaged; its head says {shape}")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
