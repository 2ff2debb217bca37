"""Batches of a stack: each member's own order of the rows that all of them share."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from lepton.compat.lightning import pl
from lepton.dataset.data import Data
from lepton.dataset.load.batches import BATCHES_PER_BLOCK, EvaluationBatches, TrainingBatches
from lepton.dataset.load.epoch_sampler import EpochSampler
from lepton.dataset.load.file_rows import holds_files
from lepton.dataset.load.target_digits import in_dtype
from lepton.method import Batch


class StackedBatches:
    """Row numbers for blocks of batches, drawn as each member alone would draw them.

    Members with the same seed have the same order. `done` = (epoch, batches) leaves out that many
    first batches of that epoch.
    Shapes: a block (S, rows) for S distinct seeds; (rows,) where all members have one seed
        (`common`). `seed_index` (K,) says for each member which of the S seeds is its own; None
        where each member has another.
    """

    def __init__(self, batches: TrainingBatches, seeds: Sequence[int], device: torch.device):
        """`seeds`: of each member; `batches`: as a run alone cuts them."""
        self.batches, self.device = batches, device
        self.batch_size, self.num_batches = batches.batch_size, batches.num_batches
        self.set_seeds(seeds)
        self.done = (0, 0)
        self.epoch, self.sampler = 0, self  # Lightning tells a loader's sampler the epoch

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Tensor]:
        orders = [self._order(seed) for seed in self.distinct_seeds]
        rows = orders[0] if self.common else torch.stack(orders)
        epoch, batches = self.done
        done_rows = batches * self.batch_size if epoch == self.epoch else 0
        for block in rows.to(self.device).split(BATCHES_PER_BLOCK * self.batch_size, -1):
            yield block[..., done_rows:]
            done_rows = max(0, done_rows - block.shape[-1])

    def _order(self, seed: int) -> Tensor:
        """The epoch's row numbers for a seed. Shapes: (rows of an epoch,)."""
        own = self.batches.sampler
        order = EpochSampler(rows=own.rows, seed=seed, rank=0, world_size=1, chances=own.chances)
        order.set_epoch(self.epoch)
        return order.draw()[: self.batches.rows]

    def share_of_step(self, done: int, accumulate: int, rows: int) -> float:
        """A batch's share of the rows of its optimizer step, which are fewer in the last step.

        `done`: batches of the epoch before this one; `rows`: of this batch.
        """
        full = self.batch_size * accumulate
        return rows / min(full, self.batches.rows - done // accumulate * full)

    def set_seeds(self, seeds: Sequence[int]) -> None:
        """Goes on for the members with these seeds."""
        self.distinct_seeds = list(dict.fromkeys(seeds))
        self.common = len(self.distinct_seeds) == 1
        index = [self.distinct_seeds.index(seed) for seed in seeds]
        all_differ = len(self.distinct_seeds) == len(index)
        self.seed_index = None if all_differ else torch.tensor(index)

    def spread(self, tensor: Tensor) -> Tensor:
        """Each member's values, from those of each seed. Shapes: (S, ...) -> (K, ...), or (...) as
        it is where `common`."""
        if self.common or self.seed_index is None:
            return tensor
        return tensor.index_select(0, self.seed_index.to(tensor.device))


class StackedData(pl.LightningDataModule):
    """A data module as a stack sees it: whole tensors on the device, shared by all members."""

    def __init__(self, data: Data, seeds: Sequence[int]):
        """`data` with batches that `can_share` takes; `seeds`: of each member."""
        super().__init__()
        self.data, self.seeds = data, list(seeds)
        train, val = data.train_dataloader(), data.val_dataloader()
        assert isinstance(train, TrainingBatches)
        assert isinstance(val, EvaluationBatches)
        self.train, self.val = train, val

    def move_to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Moves the tensors to the device, once, floating-point ones in the type of the stack."""
        self.device = device
        for loader in (self.train, self.val):
            loader.tensors = in_dtype(loader.tensors, dtype, device)

    def transfer_batch_to_device(
        self, batch: Tensor | Batch, device: torch.device, dataloader_idx: int
    ) -> Tensor | Batch:
        return batch  # is there already

    def train_dataloader(self) -> StackedBatches:
        return StackedBatches(self.train, self.seeds, self.device)

    def val_dataloader(self) -> EvaluationBatches:
        return self.val


def needs_whole_copy(data: Data, device: torch.device, dtype: torch.dtype) -> bool:
    """True for streamed data that `StackedData.move_to` would have to hold whole, and for files
    that each member would decode in an order of its own."""
    moves = device.type != "cpu" or dtype != torch.float32
    return data.streamed_from is not None and (moves or holds_files(data.splits["train"]))
