"""PairData: training rows that come in pairs of one class, so that every batch holds such."""

import torch
from torch import Tensor

from lepton.compat.lightning import pl
from lepton.dataset.data import Data
from lepton.dataset.inputs.kind import InputKind
from lepton.dataset.load.epoch_sampler import EpochSampler
from lepton.dataset.load.length_batches import LengthTrainingBatches


class PairData(Data):
    """A data set whose one epoch goes so many `rounds` over the rows of train, in pairs."""

    def __init__(self, data: Data, *, rounds: int, batch_size: int):
        pl.LightningDataModule.__init__(self)
        self.rounds, self.kinds = rounds, data.input_kinds()
        self.splits, self.spec, self.notes, self.inputs = data.splits, data.spec, data.notes, []
        self.batch_size, self.seed, self.weights = batch_size, data.seed, data.weights
        self.limit_batches, self.overfit_batches = data.limit_batches, data.overfit_batches
        self.streamed_from = data.streamed_from

    def input_kinds(self) -> list[type[InputKind]]:
        return self.kinds

    def train_dataloader(self) -> "PairBatches":
        """The rows in pairs, in batches of no more rows than a round has."""
        tensors, rows = self._on_device("train"), self._training_rows()
        classes = self.splits["train"]["target"].cpu()[rows]
        sampler = PairSampler(rows=rows, classes=classes, rounds=self.rounds, seed=self.seed)
        return PairBatches(
            tensors=tensors,
            batch_size=min(self.batch_size, sampler.round_rows),
            sampler=sampler,
            limit_batches=self.limit_batches,
            kinds=self.kinds,
        )


class PairSampler(EpochSampler):
    """Draws rows side by side with one of the same class: each at least once in a round.

    In a class with an odd number of rows one comes twice; a row alone in its class is its own
    partner. Shapes: classes (rows,), of each of `rows`.
    """

    def __init__(self, *, rows: Tensor, classes: Tensor, rounds: int, seed: int):
        super().__init__(rows=rows, seed=seed, rank=0, world_size=1)
        self.classes, self.rounds = classes, rounds
        _, counts = classes.unique(return_counts=True)
        self.round_rows = int((counts + counts % 2).sum())

    def __len__(self) -> int:
        return self.rounds * self.round_rows

    def _order(self, generator: torch.Generator) -> Tensor:
        return torch.cat([self._round(generator) for _ in range(self.rounds)])

    def _round(self, generator: torch.Generator) -> Tensor:
        shuffled = torch.randperm(len(self.rows), generator=generator)
        of_classes = [shuffled[self.classes[shuffled] == c] for c in self.classes.unique()]
        even = [torch.cat([places, places[: len(places) % 2]]) for places in of_classes]
        pairs = torch.cat(even).view(-1, 2)
        return pairs[torch.randperm(len(pairs), generator=generator)].flatten()


class PairBatches(LengthTrainingBatches):
    """The TrainLoader of rows in the order of their sampler, padded to the longest of a batch."""

    def _draw(self, cost: Tensor) -> list[Tensor]:
        return list(self.sampler.draw()[: self.rows].split(self.batch_size))
