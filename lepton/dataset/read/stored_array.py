"""StoredArray: an array in a file, whose head is read at once and whose rows only when needed."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from lepton.errors import DataError
from lepton.storage.array_cache import ArrayCache
from lepton.storage.cache import cache_key
from lepton.storage.file_digests import digests_of

BLOCK_BYTES = 1 << 22  # that are unpacked at a time
FORMAT = 1  # of an entry of the cache; raised when the same file would be unpacked to another array


@dataclass(frozen=True)
class StoredArray:
    """Where the numbers of an array lie: `open` gives the file from the first of them on.

    `offset`: of the first in the file itself, in bytes; None where the file is packed. `reading`
    turns what is wrong with the file into an error that names it.
    """

    path: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int | None
    open: Callable[[], AbstractContextManager[IO[bytes]]]
    reading: Callable[[], AbstractContextManager[None]]

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def is_packed(self) -> bool:
        """True where its rows cannot be taken from the file as they are."""
        return self.offset is None or not self.dtype.isnative

    def mapped(self) -> np.ndarray:
        """The array, of which nothing is in memory; unpacked into the cache where it is packed.

        Raises: LeptonError when the cache's folder cannot be written; DataError for a damaged file.
        """
        if not self.is_packed:
            with self.reading():
                array = np.memmap(self.path, self.dtype, "r", self.offset or 0, self.shape)
            return np.asarray(array)
        cache = ArrayCache("unpacked")
        name = cache_key(str(Path(self.path).resolve()), self.name)[:16]
        key = cache_key(digests_of([self.path]), FORMAT)
        entry = cache.open(name, key)
        if entry is None:
            with cache.writing(name, key) as entry:
                array = entry.make("array", self.shape, self.dtype.newbyteorder("="))
                for start, block in self._blocks():
                    array[start : start + len(block)] = block
        return entry.read("array")

    def _blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yields rows with the number of their first. Raises: DataError where there are fewer."""
        row_bytes = self.bytes // max(1, self.shape[0])
        some = max(1, BLOCK_BYTES // max(1, row_bytes))
        with self.reading(), self.open() as file:
            for start in range(0, self.shape[0], some):
                count = min(some, self.shape[0] - start)
                content = file.read(count * row_bytes)
                if len(content) != count * row_bytes:
                    raise self._damaged()
                yield start, np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:])
            if file.read(1):  # at the end a checksum, too, is held against what was read
                raise self._damaged()

    def _damaged(self) -> DataError:
        return DataError(f"{self.path}: is cut short or damaged; its head says {self.shape}")
