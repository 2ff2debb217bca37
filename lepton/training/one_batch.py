"""BatchByBatch: a data set that hands Lightning one batch at a time, in place of blocks of them."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from lepton.compat.lightning import pl
from lepton.dataset.data import Data
from lepton.dataset.load.epoch_sampler import EpochSampler
from lepton.dataset.load.train_loader import TrainLoader
from lepton.method import Batch


class BatchByBatch(pl.LightningDataModule):
    """The batches of a data set in order, each by itself or, `in_lists`, as a block of one."""

    def __init__(self, data: Data, *, in_lists: bool):
        super().__init__()
        self.data, self.in_lists = data, in_lists

    def train_dataloader(self) -> "SingleBatches":
        """The training batches; the data set is told where the trainer computes."""
        self.data.trainer = self.trainer
        return SingleBatches(self.data.train_dataloader(), in_lists=self.in_lists)

    def val_dataloader(self) -> Iterable[Batch]:
        """The rows of val, as the data set hands them out."""
        self.data.trainer = self.trainer
        return self.data.val_dataloader()

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """The batch where the data set puts it."""
        return self.data.transfer_batch_to_device(batch, device, dataloader_idx)


class SingleBatches:
    """A TrainLoader whose blocks are cut into their batches."""

    def __init__(self, loader: TrainLoader, *, in_lists: bool):
        self.loader, self.in_lists = loader, in_lists

    @property
    def sampler(self) -> EpochSampler:
        """The sampler, which Lightning tells the epoch."""
        return self.loader.sampler

    @property
    def batch_size(self) -> int:
        """Rows of a batch."""
        return self.loader.batch_size

    @property
    def rows(self) -> int:
        """Rows of a whole epoch."""
        return self.loader.rows

    @property
    def num_batches(self) -> int:
        """Batches of a whole epoch."""
        return self.loader.num_batches

    @property
    def done(self) -> tuple[int, int]:
        """An epoch and how many of its first batches are left out."""
        return self.loader.done

    @done.setter
    def done(self, done: tuple[int, int]) -> None:
        self.loader.done = done

    def __len__(self) -> int:
        return self.loader.num_batches

    def __iter__(self) -> Iterator[Any]:
        for block in self.loader:
            for batch in block:
                yield [batch] if self.in_lists else batch
