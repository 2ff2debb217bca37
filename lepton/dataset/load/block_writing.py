"""Writes tensors that come block by block into the arrays of a split, by way of the disk."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from lepton.dataset.load.split_arrays import SplitArrays
from lepton.storage.scratch import scratch_file

BLOCK_ROWS = 16_384  # of a data set that are made into tensors at a time


class _Blocks:
    """The blocks of one tensor, laid end to end in a file."""

    def __init__(self, file: IO[bytes]):
        self.file, self.blocks = file, []  # (places, shape) of each
        self.dtype = np.dtype(np.float32)

    def append(self, places: np.ndarray, values: np.ndarray) -> None:
        self.dtype = values.dtype
        self.blocks.append((places, values.shape))
        self.file.write(np.ascontiguousarray(values).data)

    def copy(self, make: Callable[[tuple[int, ...], Any], np.ndarray], fill: float) -> np.ndarray:
        """All rows at their places, each as wide as the widest; `fill` is behind the others."""
        tails = [shape[1:] for _, shape in self.blocks]
        tail = tuple(map(max, *tails)) if len(tails) > 1 else tails[0]
        array = make((sum(shape[0] for _, shape in self.blocks), *tail), self.dtype.type)
        self.file.seek(0)
        for places, shape in self.blocks:
            size = int(np.prod(shape)) * self.dtype.itemsize
            values = np.frombuffer(self.file.read(size), self.dtype).reshape(shape)
            if shape[1:] != tail:
                values = np.pad(
                    values,
                    [(0, 0), *((0, to - now) for to, now in zip(tail, shape[1:], strict=True))],
                    constant_values=fill,
                )
            array[places] = values
        return array


def write_blocks(
    arrays: SplitArrays,
    split: str,
    blocks: Iterable[tuple[np.ndarray, dict[str, Tensor]]],
    fill: Callable[[str], float],
) -> dict[str, Tensor]:
    """The tensors of a split, of which no more than a block is in memory.

    Each block has the places of its rows in the split, and their tensors by name. Rows of one
    block may be wider than those of another: `fill` says for a name what stands behind the rest.
    Shapes: places (N,); tensors (N, ...).
    """
    with ExitStack() as files:
        written: dict[str, _Blocks] = {}
        for places, tensors in blocks:
            for name, tensor in tensors.items():
                if name not in written:
                    written[name] = _Blocks(files.enter_context(scratch_file())[0])
                written[name].append(places, tensor.numpy())
        return {
            name: torch.from_numpy(
                rows.copy(
                    lambda shape, dtype, name=name: arrays.make(split, name, shape, dtype),
                    fill(name),
                )
            )
            for name, rows in written.items()
        }
