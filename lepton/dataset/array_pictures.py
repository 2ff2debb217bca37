"""The base of data sets whose pictures lie in few files as arrays, which need no decoding."""

import math
from collections.abc import Sequence
from typing import Any

from lepton.dataset.decoding_budget import DecodingBudget
from lepton.dataset.image import ImageData
from lepton.dataset.load.streaming import FileSource, excess_of
from lepton.dataset.read.stored_array import StoredArray
from lepton.errors import DataError
from lepton.image.decoded_pictures import plain_sides
from lepton.values.bounds import AtLeast0, NotBelow0


class ArrayPictures(ImageData, DecodingBudget):
    """Arrays larger than the budget of memory are mapped: pictures are cut from there by batch.

    So are pictures that would be kept in another shape, and take more than the budget of the disk.
    A subclass says where its pictures lie, and reads them mapped where `is_mapped`.
    """

    is_mapped = False

    def __init__(
        self,
        *,
        memory_gb: NotBelow0 | None,
        cache_gb: NotBelow0 | None,
        decoding_threads: AtLeast0,
        **images: Any,
    ):
        super().__init__(**images)
        self.memory_gb, self.cache_gb = memory_gb, cache_gb
        self.decoding_threads = decoding_threads

    def stored_pictures(self) -> Sequence[StoredArray]:
        """The arrays of all pictures; none in a class of the user's own that reads others."""
        raise NotImplementedError

    def decode_by_batch(self, source: FileSource | None, copies: int) -> str | None:
        if not (stored := self.stored_pictures()):
            return super().decode_by_batch(source, copies)
        kind = self.image_inputs
        size = sum(array.shape[0] * (kind.file_bytes or row_size(array)) for array in stored)
        is_plain = plain_sides({(array.shape[1:], array.dtype) for array in stored}, kind.shape)
        of_memory = excess_of(max(size, sum(array.bytes for array in stored)), self.memory_gb)
        of_disk = None if is_plain else self.disk_excess(size)
        if not (excess := of_memory or of_disk):
            return None
        if of_memory:
            self._refuse_packed(stored)
            self.is_mapped = True
        kind.decoding_threads = self.decoding_threads
        threads = f"{self.decoding_threads} threads" if self.decoding_threads else "each step"
        return f"their arrays, from which {threads} cut them: they would take {excess}"

    def _refuse_packed(self, stored: Sequence[StoredArray]) -> None:
        """Raises: DataError where unpacked files, which can be mapped, exceed the disk."""
        packed = [array for array in stored if array.is_packed]
        if packed and (excess := self.disk_excess(sum(array.bytes for array in packed))):
            raise DataError(
                f"{packed[0].path}: is packed; to be read by row it is unpacked once, which would "
                f"take {excess}; give more of the disk or of memory"
            )


def row_size(array: StoredArray) -> int:
    """The numbers of a row, each of which becomes a byte."""
    return math.prod(array.shape[1:])
