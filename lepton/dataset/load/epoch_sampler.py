"""The rows to train on, and their sampler: an order of them for each epoch."""

from math import ceil

import torch
from torch import Tensor

from lepton.seeds import derive


class EpochSampler:
    """Draws the order of rows in an epoch, from seed and epoch alone; one process's share of it.

    With `chances` it draws as many rows with replacement, each as likely as its own says.
    Shapes: chances (all rows,) -> (rows of this process,); as many in each of `world_size`
        processes.
    """

    def __init__(
        self,
        *,
        rows: Tensor,
        seed: int,
        rank: int,
        world_size: int,
        chances: Tensor | None = None,
    ):
        self.rows, self.seed, self.rank, self.world_size = rows, seed, rank, world_size
        self.chances, self.epoch = chances, 0

    def __len__(self) -> int:
        return ceil(len(self.rows) / self.world_size)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch to draw for; Lightning calls it."""
        self.epoch = epoch

    def draw(self) -> Tensor:
        """The rows of this process in the order of the epoch."""
        generator = torch.Generator().manual_seed(derive(self.seed, "order", self.epoch))
        order = self._order(generator)
        shortfall = len(self) * self.world_size - len(order)
        order = torch.cat([order, order[:shortfall]])[self.rank :: self.world_size]
        return self.rows[order]

    def _order(self, generator: torch.Generator) -> Tensor:
        """Places in `rows` of a whole epoch."""
        if self.chances is None:
            return torch.randperm(len(self.rows), generator=generator)
        ends = self.chances[self.rows].double().cumsum(0)
        drawn = torch.rand(len(self.rows), generator=generator, dtype=torch.float64) * ends[-1]
        return torch.searchsorted(ends, drawn, right=True).clamp_max(len(self.rows) - 1)


def rows_to_train_on(rows: int, *, most: int, seed: int) -> Tensor:
    """All rows, or where `most` is not 0 so many of them at most, drawn by the seed, in order."""
    if not most:
        return torch.arange(rows)
    generator = torch.Generator().manual_seed(derive(seed, "overfit"))
    return torch.randperm(rows, generator=generator)[:most].sort().values
