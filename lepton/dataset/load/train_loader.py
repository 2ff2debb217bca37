"""TrainLoader: the protocol of loaders of training batches, for training, stacks and soups."""

from collections.abc import Iterator
from typing import Protocol

from lepton.dataset.load.epoch_sampler import EpochSampler
from lepton.method import Batch


class TrainLoader(Protocol):
    """The training batches of a data set, in blocks (lists) of them; a loop over it is an epoch.

    The batches of an epoch follow from its number and the seed alone, so that a killed training
    goes on with the same ones. All batches have `batch_size` rows but the last.
    `sampler`: Lightning tells its `set_epoch` the number of the epoch. `done` = (epoch, batches)
    leaves out that many first batches of that epoch, not their blocks. `rows` and `num_batches`
    are those of a whole epoch, in this process.
    """

    sampler: EpochSampler
    batch_size: int
    rows: int
    num_batches: int
    done: tuple[int, int]

    def __len__(self) -> int:
        """The number of blocks."""
        ...

    def __iter__(self) -> Iterator[list[Batch]]: ...
