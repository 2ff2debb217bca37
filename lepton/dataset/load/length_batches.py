"""Training batches of rows about equally long, each padded to its longest: little is padding."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lepton.dataset.load.batch_cutter import BatchCutter
from lepton.dataset.load.batches import MemoryTrims, rows_per_epoch
from lepton.dataset.load.epoch_sampler import EpochSampler
from lepton.method import Batch
from lepton.seeds import derive

if TYPE_CHECKING:
    from lepton.dataset.inputs.kind import InputKind

LENGTH_BATCHES_PER_BLOCK = 8  # batches handed over at a time
BATCHES_PER_WINDOW = 64  # shuffled batches whose rows are regrouped by length


class LengthTrainingBatches:
    """The TrainLoader of rows of varying length, drawn anew by `sampler.set_epoch`.

    Rows are shuffled; within each window of batches those of like length come together, and the
    batches are shuffled again. All have `batch_size` rows but the last; a last one of a single row
    is left out.
    """

    def __init__(
        self,
        *,
        tensors: Batch,
        batch_size: int,
        sampler: EpochSampler,
        limit_batches: int | None,
        kinds: "Sequence[type[InputKind]]",
        batches_per_block: int = LENGTH_BATCHES_PER_BLOCK,
    ):
        self.tensors, self.batch_size, self.sampler = tensors, batch_size, sampler
        self.cutter = BatchCutter(tensors, kinds)
        self.rows = rows_per_epoch(len(sampler), batch_size, limit_batches)
        self.batches_per_block = batches_per_block
        self.num_batches = ceil(self.rows / batch_size)
        self.done: tuple[int, int] = (0, 0)

    def __len__(self) -> int:
        return ceil(self.num_batches / self.batches_per_block)

    def __iter__(self) -> Iterator[list[Batch]]:
        batch_rows, (epoch, batches_done) = self._draw(self.cutter.cost()), self.done
        batches_done = batches_done if epoch == self.sampler.epoch else 0
        trims = MemoryTrims()
        for start in range(0, len(batch_rows), self.batches_per_block):
            block = batch_rows[max(start, batches_done) : start + self.batches_per_block]
            batches = [self.cutter.padded(self.tensors, rows) for rows in block]
            size = sum(tensor.nbytes for batch in batches for tensor in batch.values())
            yield batches
            del batches
            trims.add(size)

    def _draw(self, cost: Tensor) -> list[Tensor]:
        """The rows of each batch; a function of seed and epoch alone."""
        order = self.sampler.draw()[: self.rows]
        full_rows = len(order) // self.batch_size * self.batch_size
        windows = order[:full_rows].split(BATCHES_PER_WINDOW * self.batch_size)
        by_length = [rows[cost[rows].argsort(stable=True)] for rows in windows if len(rows)]
        batches = [rows for window in by_length for rows in window.split(self.batch_size)]
        seed = derive(self.sampler.seed, "batches", self.sampler.epoch, self.sampler.rank)
        generator = torch.Generator().manual_seed(seed)
        shuffled = [batches[i] for i in torch.randperm(len(batches), generator=generator)]
        return shuffled + ([order[full_rows:]] if full_rows < len(order) else [])
