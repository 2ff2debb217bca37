"""Batches of token rows, each of rows about equally long, so that little is padding."""

from collections.abc import Iterator
from math import ceil

import torch
from torch import Tensor

from lepton.dataset.load.batches import Order, rows_shown
from lepton.seeds import derive

Batch = dict[str, Tensor]
BLOCK = 8  # batches handed over at a time
WINDOW = 64  # batches among whose rows the equally long are looked for
TOKENS = 32_768  # of an evaluation batch, padding included, where a training batch is not larger


def gathered(part: Batch, rows: Tensor, width: int) -> Batch:
    """A batch of these rows, cut to a width; known beforehand, so that no device is waited for.

    Shapes: tokens (B, T) int64; mask (B, T) bool, true on a text's own tokens; for pairs segments
        (B, T) int64, 1 from where the second text begins.
    """
    length = part["length"][rows]
    place = torch.arange(width, device=length.device)
    batch = {
        "tokens": part["tokens"][:, :width].index_select(0, rows).long(),
        "mask": place < length[:, None],
    }
    if "second" in part:
        batch["segments"] = (place >= part["second"][rows][:, None]) & batch["mask"]
        batch["segments"] = batch["segments"].long()
    rest = part.keys() - {"tokens", "length", "second"}
    return batch | {name: part[name].index_select(0, rows) for name in rest}


def cut(part: Batch, length: Tensor, rows: Tensor) -> Batch:
    """A batch of these rows, as wide as its longest; lengths and rows on the CPU."""
    return gathered(part, rows.to(part["length"].device), int(length[rows].max()))


class TokenBatches:
    """An epoch of training: blocks (lists) of batches, drawn anew by `sampler.set_epoch`.

    Rows are shuffled; within each WINDOW batches of them those of like length come together, and
    the batches are shuffled again. All have `batch_size` rows but the last; a last one of a single
    row is left out. `done` is that of `lepton.dataset.load.batches.Batches`.
    """

    def __init__(
        self,
        *,
        tensors: Batch,
        batch_size: int,
        sampler: Order,
        limit_batches: int | None,
        block: int = BLOCK,
    ):
        self.tensors, self.batch_size, self.sampler = tensors, batch_size, sampler
        self.rows, self.block = rows_shown(len(sampler), batch_size, limit_batches), block
        self.num_batches = ceil(self.rows / batch_size)
        self.done = (0, 0)

    def __len__(self) -> int:
        return ceil(self.num_batches / self.block)

    def __iter__(self) -> Iterator[list[Batch]]:
        length = self.tensors["length"].cpu()
        batches, (epoch, done) = self._draw(length), self.done
        done = done if epoch == self.sampler.epoch else 0
        for start in range(0, len(batches), self.block):
            block = batches[max(start, done) : start + self.block]
            yield [cut(self.tensors, length, rows) for rows in block]

    def _draw(self, length: Tensor) -> list[Tensor]:
        """The rows of each batch; a function of seed and epoch alone."""
        order = self.sampler.draw()[: self.rows]
        whole = len(order) // self.batch_size * self.batch_size
        windows = order[:whole].split(WINDOW * self.batch_size)
        sorted_rows = [rows[length[rows].argsort(stable=True)] for rows in windows]
        full = [r for window in sorted_rows if len(window) for r in window.split(self.batch_size)]
        draw = derive(self.sampler.seed, "batches", self.sampler.epoch, self.sampler.rank)
        generator = torch.Generator().manual_seed(draw)
        shuffled = [full[i] for i in torch.randperm(len(full), generator=generator)]
        return shuffled + ([order[whole:]] if whole < len(order) else [])


class ByLength:
    """Every row once, from the shortest to the longest, in batches of about TOKENS tokens."""

    def __init__(self, *, tensors: Batch, batch_size: int, limit_batches: int | None):
        self.tensors, self.length = tensors, tensors["length"].cpu()
        self.rows = list(by_length(self.length, batch_size))[:limit_batches]
        self.num_batches = len(self.rows)

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[Batch]:
        for rows in self.rows:
            yield cut(self.tensors, self.length, rows)


def by_length(length: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Row numbers of batches: the longest row times the rows is TOKENS at most, or `batch_size`."""
    order = length.argsort(stable=True)
    start = 0
    while start < len(order):
        width = torch.arange(1, len(order) - start + 1) * length[order[start:]]
        rows = max(batch_size, int((width <= TOKENS).sum()))
        yield order[start : start + rows]
        start += rows
