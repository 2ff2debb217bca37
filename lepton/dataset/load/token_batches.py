"""Batches of token rows, each of rows about equally long, so that little is padding."""

from collections.abc import Iterator
from math import ceil

import torch
from torch import Tensor

from lepton.dataset.load.batches import rows_per_epoch
from lepton.dataset.load.epoch_sampler import EpochSampler
from lepton.method import Batch
from lepton.seeds import derive

TOKEN_BATCHES_PER_BLOCK = 8  # batches handed over at a time
BATCHES_PER_WINDOW = 64  # shuffled batches whose rows are regrouped by length
EVALUATION_TOKENS = 32_768  # of a batch, padding included, where a training batch is not larger


def gather_token_batch(tensors: Batch, rows: Tensor, width: int) -> Batch:
    """A batch of these rows, cut to a width; known beforehand, so that no device is waited for.

    Shapes: tokens (B, T) int64; mask (B, T) bool, true on a text's own tokens; for pairs segments
        (B, T) int64, 1 from where the second text begins.
    """
    length = tensors["length"][rows]
    position = torch.arange(width, device=length.device)
    batch = {
        "tokens": tensors["tokens"][:, :width].index_select(0, rows).long(),
        "mask": position < length[:, None],
    }
    if "second" in tensors:
        batch["segments"] = (position >= tensors["second"][rows][:, None]) & batch["mask"]
        batch["segments"] = batch["segments"].long()
    others = tensors.keys() - {"tokens", "length", "second"}
    return batch | {name: tensors[name].index_select(0, rows) for name in others}


def token_batch(tensors: Batch, length: Tensor, rows: Tensor) -> Batch:
    """A batch of these rows, as wide as its longest; lengths and rows on the CPU."""
    device_rows = rows.to(tensors["length"].device)
    return gather_token_batch(tensors, device_rows, int(length[rows].max()))


class TokenTrainingBatches:
    """The TrainLoader of token rows, drawn anew by `sampler.set_epoch`.

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
        batches_per_block: int = TOKEN_BATCHES_PER_BLOCK,
    ):
        self.tensors, self.batch_size, self.sampler = tensors, batch_size, sampler
        self.rows = rows_per_epoch(len(sampler), batch_size, limit_batches)
        self.batches_per_block = batches_per_block
        self.num_batches = ceil(self.rows / batch_size)
        self.done: tuple[int, int] = (0, 0)

    def __len__(self) -> int:
        return ceil(self.num_batches / self.batches_per_block)

    def __iter__(self) -> Iterator[list[Batch]]:
        length = self.tensors["length"].cpu()
        batch_rows, (epoch, batches_done) = self._draw(length), self.done
        batches_done = batches_done if epoch == self.sampler.epoch else 0
        for start in range(0, len(batch_rows), self.batches_per_block):
            block = batch_rows[max(start, batches_done) : start + self.batches_per_block]
            yield [token_batch(self.tensors, length, rows) for rows in block]

    def _draw(self, length: Tensor) -> list[Tensor]:
        """The rows of each batch; a function of seed and epoch alone."""
        order = self.sampler.draw()[: self.rows]
        full_rows = len(order) // self.batch_size * self.batch_size
        windows = order[:full_rows].split(BATCHES_PER_WINDOW * self.batch_size)
        by_length = [rows[length[rows].argsort(stable=True)] for rows in windows if len(rows)]
        batches = [rows for window in by_length for rows in window.split(self.batch_size)]
        seed = derive(self.sampler.seed, "batches", self.sampler.epoch, self.sampler.rank)
        generator = torch.Generator().manual_seed(seed)
        shuffled = [batches[i] for i in torch.randperm(len(batches), generator=generator)]
        return shuffled + ([order[full_rows:]] if full_rows < len(order) else [])


class TokenEvaluationBatches:
    """Every row once, from the shortest to the longest, in batches limited by their tokens."""

    def __init__(self, *, tensors: Batch, batch_size: int, limit_batches: int | None):
        self.tensors, self.length = tensors, tensors["length"].cpu()
        self.batch_rows = list(rows_by_length(self.length, batch_size))[:limit_batches]
        self.num_batches = len(self.batch_rows)

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[Batch]:
        for rows in self.batch_rows:
            yield token_batch(self.tensors, self.length, rows)


def rows_by_length(length: Tensor, min_rows: int) -> Iterator[Tensor]:
    """Row numbers of batches from the shortest row to the longest.

    Each batch, padded to its longest row, holds EVALUATION_TOKENS at most, or `min_rows` rows.
    """
    order = length.argsort(stable=True)
    start = 0
    while start < len(order):
        padded_tokens = torch.arange(1, len(order) - start + 1) * length[order[start:]]
        rows = max(min_rows, int((padded_tokens <= EVALUATION_TOKENS).sum()))
        yield order[start : start + rows]
        start += rows
