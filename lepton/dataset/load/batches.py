"""Batches cut from whole tensors by index: no row is ever loaded by itself."""

from collections.abc import Generator, Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING

from torch import Tensor

from lepton.dataset.load.ahead import one_ahead
from lepton.dataset.load.batch_cutter import BatchCutter, rows_of_a_block
from lepton.dataset.load.epoch_sampler import EpochSampler
from lepton.dataset.load.file_rows import holds_files, reads_ahead
from lepton.method import Batch
from lepton.storage.scratch import release_memory

if TYPE_CHECKING:
    from lepton.dataset.inputs.kind import InputKind

BYTES_BETWEEN_TRIMS = 2**23  # that blocks take before freed memory is given back
BATCHES_PER_BLOCK = 64  # batches handed over at a time at most; one gather for all of them
FILE_BATCHES = 4  # in their place, where rows are decoded from files: the first are there sooner


def rows_per_epoch(rows: int, batch_size: int, limit_batches: int | None) -> int:
    """The number of a process's rows that an epoch shows: no lone last one, no batch too many."""
    if rows % batch_size == 1 and rows > batch_size:
        rows -= 1
    return rows if limit_batches is None else min(rows, limit_batches * batch_size)


class TrainingBatches:
    """The TrainLoader of rows cut from whole tensors, shuffled anew by `sampler.set_epoch`.

    A last batch of a single row is left out where there are others: batch normalization needs two.
    `kinds` are those of the inputs; what varies in length is padded to the split's longest row.
    """

    def __init__(
        self,
        *,
        tensors: Batch,
        batch_size: int,
        sampler: EpochSampler,
        limit_batches: int | None,
        kinds: "Sequence[type[InputKind]]" = (),
        batches_per_block: int = BATCHES_PER_BLOCK,
    ):
        self.tensors, self.batch_size, self.sampler = tensors, batch_size, sampler
        self.cutter = BatchCutter(tensors, kinds)
        self.rows = rows_per_epoch(len(sampler), batch_size, limit_batches)
        affordable = rows_of_a_block(tensors) // batch_size
        most = FILE_BATCHES if holds_files(tensors) else batches_per_block
        self.block_rows = max(1, min(most, affordable)) * batch_size
        self.num_batches = ceil(self.rows / batch_size)  # optimizer steps of an epoch
        self.done: tuple[int, int] = (0, 0)

    def __len__(self) -> int:
        return ceil(self.rows / self.block_rows)

    def __iter__(self) -> Iterator[list[Batch]]:
        return one_ahead(self._blocks()) if reads_ahead(self.tensors) else self._blocks()

    def _blocks(self) -> Generator[list[Batch]]:
        order = self.sampler.draw()[: self.rows].to(self.tensors["id"].device)
        epoch, batches_done = self.done
        rows_done = batches_done * self.batch_size if epoch == self.sampler.epoch else 0
        trims = MemoryTrims()
        for block in order.split(self.block_rows):
            rows, rows_done = block[rows_done:], max(0, rows_done - len(block))
            yield self._batches(rows) if len(rows) else []
            trims.add(len(rows) * self.cutter.row_bytes)

    def _batches(self, rows: Tensor) -> list[Batch]:
        block = self.cutter.cut(self.tensors, rows)
        pieces = {name: tensor.split(self.batch_size) for name, tensor in block.items()}
        return [
            dict(zip(pieces, batch, strict=True)) for batch in zip(*pieces.values(), strict=True)
        ]


class MemoryTrims:
    """Gives freed memory back to the system now and then: blocks leave holes that no later fits."""

    def __init__(self) -> None:
        self.gathered = 0

    def add(self, size: int) -> None:
        """Counts a block that is done with. Units: bytes."""
        self.gathered += size
        if self.gathered > BYTES_BETWEEN_TRIMS:
            release_memory()
            self.gathered = 0


class EvaluationBatches:
    """Every row once, in order, in large batches; views of the tensors where these are not padded.

    Rows of varying length come from the cheapest to the dearest, each batch padded to its longest.
    """

    def __init__(
        self,
        *,
        tensors: Batch,
        batch_size: int,
        limit_batches: int | None,
        kinds: "Sequence[type[InputKind]]" = (),
    ):
        self.tensors, self.cutter = tensors, BatchCutter(tensors, kinds)
        self.batch_size = self.cutter.fixed_rows(batch_size)
        self.batch_rows: list[Tensor] = []
        if self.cutter.has_lengths:
            self.batch_rows = list(self.cutter.batch_rows(batch_size))
            batches = len(self.batch_rows)
        else:
            batches = self.cutter.fixed_batches(batch_size)
        self.num_batches = batches if limit_batches is None else min(batches, limit_batches)

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[Batch]:
        return one_ahead(self._batches()) if reads_ahead(self.tensors) else self._batches()

    def _batches(self) -> Generator[Batch]:
        for rows in self.batch_rows[: self.num_batches]:
            yield self.cutter.padded(self.tensors, rows)
        for i in range(0 if self.batch_rows else self.num_batches):
            rows = slice(i * self.batch_size, (i + 1) * self.batch_size)
            yield self.cutter.cut(self.tensors, rows)
