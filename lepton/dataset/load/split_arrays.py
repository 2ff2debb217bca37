"""Where the arrays of the splits lie while they are made: in memory, or in files of the cache."""

from typing import Any

import numpy as np
import torch

from lepton.errors import DataError, LeptonError
from lepton.method import Batch
from lepton.storage.array_cache import ArrayEntry
from lepton.storage.cache_limit import make_room
from lepton.storage.files import is_disk_full
from lepton.storage.scratch import scratch_array


class SplitArrays:
    """Makes empty arrays in memory."""

    streamed = False

    def make(self, split: str, name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        """The array of a tensor of a split."""
        return np.empty(shape, dtype=dtype)

    def keep(self, split: str, name: str, values: Any) -> Any:
        """Values that are part of a split, where its arrays lie."""
        return values

    def scratch(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array that is needed for a while."""
        return np.empty(shape, dtype=dtype)


class StreamedArrays(SplitArrays):
    """Makes empty arrays that lie in files: of an entry of the cache, or for a while."""

    streamed = True

    def __init__(self, entry: ArrayEntry):
        self.entry = entry
        self.made: set[tuple[str, str]] = set()

    def make(self, split: str, name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        self.made.add((split, name))
        return self.entry.make(f"{split}.{name}", shape, dtype)

    def keep(self, split: str, name: str, values: Any) -> Any:
        if (split, name) in self.made:
            return values
        if not isinstance(values, torch.Tensor):
            raise DataError(
                f"dataset.memory_gb: `{name}` of {split} is no tensor, and cannot be streamed; "
                "give a larger number to hold it in memory"
            )
        tensor = values.numpy()
        array = self.make(split, name, tensor.shape, tensor.dtype.type)
        array[...] = tensor
        return torch.from_numpy(array)

    def scratch(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        while True:
            try:
                return scratch_array(shape, dtype)
            except LeptonError as e:
                if not (is_disk_full(e) and make_room()):
                    raise


def move_batch(batch: Batch | list[Batch], device: torch.device) -> Batch | list[Batch]:
    """A batch, or a block of them, on a device."""
    if isinstance(batch, list):
        return [{name: tensor.to(device) for name, tensor in b.items()} for b in batch]
    return {name: tensor.to(device) for name, tensor in batch.items()}
