"""Where the arrays of the splits lie while they are made: in memory, or in files of the cache."""

import numpy as np
import torch

from lepton.errors import LeptonError
from lepton.method import Batch
from lepton.storage.array_cache import ArrayEntry
from lepton.storage.files import is_disk_full
from lepton.storage.scratch import scratch_array


class SplitArrays:
    """Makes empty arrays in memory."""

    streamed = False

    def make(self, split: str, name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        """The array of a tensor of a split."""
        return np.empty(shape, dtype=dtype)

    def scratch(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array that is needed for a while."""
        return np.empty(shape, dtype=dtype)


class StreamedArrays(SplitArrays):
    """Makes empty arrays that lie in files: of an entry of the cache, or for a while."""

    streamed = True

    def __init__(self, entry: ArrayEntry):
        self.entry = entry

    def make(self, split: str, name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        return self.entry.make(f"{split}.{name}", shape, dtype)

    def scratch(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        while True:
            try:
                return scratch_array(shape, dtype)
            except LeptonError as e:
                if not (is_disk_full(e) and self.entry.cache and self.entry.cache.make_room()):
                    raise


def move_batch(batch: Batch | list[Batch], device: torch.device) -> Batch | list[Batch]:
    """A batch, or a block of them, on a device."""
    if isinstance(batch, list):
        return [{name: tensor.to(device) for name, tensor in b.items()} for b in batch]
    return {name: tensor.to(device) for name, tensor in batch.items()}
