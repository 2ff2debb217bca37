"""Batches cut from whole tensors by index: no row is ever loaded by itself."""

from collections.abc import Iterator
from math import ceil

import torch
from torch import Tensor

from lepton.seeds import derive

Batch = dict[str, Tensor]
BLOCK = 64  # batches handed over at a time; one gather for all of them
EVALUATION_ROWS = 8192  # rows of an evaluation batch, where the training batch is not larger


class Order:
    """The order of rows in each epoch, a function of seed and epoch alone; one process's share.

    Shapes: -> (rows of this process,); as many in each of `world_size` processes.
    """

    def __init__(self, *, rows: Tensor, seed: int, rank: int, world_size: int):
        self.rows, self.seed, self.rank, self.world_size = rows, seed, rank, world_size
        self.epoch = 0

    def __len__(self) -> int:
        return ceil(len(self.rows) / self.world_size)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def draw(self) -> Tensor:
        generator = torch.Generator().manual_seed(derive(self.seed, "order", self.epoch))
        order = torch.randperm(len(self.rows), generator=generator)
        short = len(self) * self.world_size - len(order)
        order = torch.cat([order, order[:short]])[self.rank :: self.world_size]
        return self.rows[order]


def rows_shown(rows: int, batch_size: int, limit_batches: int | None) -> int:
    """How many of a process's rows an epoch shows: not a lone last one, and no batch too many."""
    if rows % batch_size == 1 and rows > batch_size:
        rows -= 1
    return rows if limit_batches is None else min(rows, limit_batches * batch_size)


class Batches:
    """An epoch of training: blocks (lists) of batches, shuffled anew by `sampler.set_epoch`.

    A last batch of a single row is left out where others are there: batch normalization needs two.
    `done` = (epoch, batches) leaves out that many first batches of that epoch, not their blocks.
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
        self.rows = rows_shown(len(sampler), batch_size, limit_batches)
        self.block_rows = block * batch_size
        self.num_batches = ceil(self.rows / batch_size)  # optimizer steps of an epoch
        self.done = (0, 0)

    def __len__(self) -> int:
        return ceil(self.rows / self.block_rows)

    def __iter__(self) -> Iterator[list[Batch]]:
        order = self.sampler.draw()[: self.rows].to(self.tensors["id"].device)
        epoch, batches = self.done
        done = batches * self.batch_size if epoch == self.sampler.epoch else 0
        for rows in order.split(self.block_rows):
            rows, done = rows[done:], max(0, done - len(rows))
            if not len(rows):
                yield []
                continue
            parts = {
                name: tensor.index_select(0, rows).split(self.batch_size)
                for name, tensor in self.tensors.items()
            }
            yield [
                dict(zip(parts, batch, strict=True)) for batch in zip(*parts.values(), strict=True)
            ]


class InOrder:
    """Every row once, in order, in large batches; views of the tensors."""

    def __init__(self, *, tensors: Batch, batch_size: int, limit_batches: int | None):
        self.tensors, self.batch_size = tensors, max(batch_size, EVALUATION_ROWS)
        batches = ceil(len(tensors["id"]) / self.batch_size)
        self.num_batches = batches if limit_batches is None else min(batches, limit_batches)

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[Batch]:
        for i in range(self.num_batches):
            part = slice(i * self.batch_size, (i + 1) * self.batch_size)
            yield {name: tensor[part] for name, tensor in self.tensors.items()}
