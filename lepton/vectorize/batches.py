"""Batches of a stack: each member's own order of the rows that all of them share."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from lepton.compat.lightning import pl
from lepton.dataset.load.batches import BATCHES_PER_BLOCK, TrainingBatches
from lepton.dataset.load.epoch_sampler import EpochSampler


class StackedBatches:
    """Row numbers for blocks of batches, drawn as each member alone would draw them.

    Shapes: a block (S, rows) for S distinct seeds, of which `member` (K,) says whose is whose;
        (rows,) where all members have the same order (`common`).
    """

    def __init__(self, batches: TrainingBatches, seeds: Sequence[int], device: torch.device):
        self.batches, self.device = batches, device
        self.batch_size, self.num_batches = batches.batch_size, batches.num_batches
        self.keep(seeds)
        self.done = (0, 0)  # epoch, and batches of it to leave out
        self.epoch, self.sampler = 0, self  # Lightning tells a loader's sampler the epoch

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Tensor]:
        orders = [self._order(seed) for seed in self.seeds]
        rows = orders[0] if self.common else torch.stack(orders)
        epoch, batches = self.done
        done = batches * self.batch_size if epoch == self.epoch else 0
        for block in rows.to(self.device).split(BATCHES_PER_BLOCK * self.batch_size, -1):
            yield block[..., done:]
            done = max(0, done - block.shape[-1])

    def _order(self, seed: int) -> Tensor:
        order = EpochSampler(rows=self.batches.sampler.rows, seed=seed, rank=0, world_size=1)
        order.set_epoch(self.epoch)
        return order.draw()[: self.batches.rows]

    def share(self, done: int, accumulate: int, rows: int) -> float:
        """A batch's share of the rows of its optimizer step; the last step may have fewer."""
        full = self.batch_size * accumulate
        return rows / min(full, self.batches.rows - done // accumulate * full)

    def keep(self, seeds: Sequence[int]) -> None:
        """Goes on for the members with these seeds."""
        self.seeds = list(dict.fromkeys(seeds))
        self.common = len(self.seeds) == 1
        member = [self.seeds.index(seed) for seed in seeds]
        self.member = None if len(self.seeds) == len(member) else torch.tensor(member)

    def spread(self, tensor: Tensor) -> Tensor:
        """What was gathered for each seed, for each member. Shapes: (S, ...) -> (K, ...)."""
        if self.common or self.member is None:
            return tensor
        return tensor.index_select(0, self.member.to(tensor.device))


class StackedData(pl.LightningDataModule):
    """A data module as a stack sees it: whole tensors on the device, shared by all members."""

    def __init__(self, data: pl.LightningDataModule, seeds: Sequence[int]):
        super().__init__()
        self.data, self.seeds = data, list(seeds)
        self.train, self.val = data.train_dataloader(), data.val_dataloader()

    def place(self, device: torch.device, dtype: torch.dtype) -> None:
        """Moves the tensors, once, and gives their numbers the float type of the stack."""
        self.device = device
        for loader in (self.train, self.val):
            loader.tensors = {
                name: tensor.to(device, dtype if tensor.is_floating_point() else tensor.dtype)
                for name, tensor in loader.tensors.items()
            }

    def transfer_batch_to_device(self, batch, device, dataloader_idx):
        return batch

    def train_dataloader(self) -> StackedBatches:
        return StackedBatches(self.train, self.seeds, self.device)

    def val_dataloader(self):
        return self.val
