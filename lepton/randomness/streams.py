"""DrawStreams: the keys of what the methods of runs draw, from epoch to epoch and step to step."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lepton.randomness.draw import Draw, subkey
from lepton.seeds import derive


class DrawStreams:
    """The streams of random numbers of K runs' methods, each by its name.

    Keys and step are tensors that change in place, so that a replayed step has its own.
    Shapes: `keys` (K, methods, 2), int64, of batches and of samples.
    """

    def __init__(self, seeds: Sequence[int], names: Sequence[str], device: torch.device):
        self.seeds, self.names = list(seeds), list(names)
        self.keys = torch.zeros(len(seeds), len(names), 2, dtype=torch.int64, device=device)
        self.step = torch.zeros((), dtype=torch.int64, device=device)

    def start_epoch(self, epoch: int, *, rank: int = 0) -> None:
        """Sets the keys of an epoch, counted over all phases, for the process of this rank."""
        if not self.names:
            return
        keys = [
            [
                [
                    derive(seed, "draw", name, epoch, "batch", rank),
                    derive(seed, "draw", name, epoch, "sample"),
                ]
                for name in self.names
            ]
            for seed in self.seeds
        ]
        self.keys.copy_(torch.tensor(keys))

    def set_step(self, step: int) -> None:
        """Sets the number of the batch in the epoch, counted from 0."""
        if self.names:
            self.step.fill_(step)

    def draws(self, keys: Tensor) -> list[Draw]:
        """What each method of one run draws from in this step. Shapes: keys (methods, 2)."""
        return [
            Draw(subkey(keys[index, 0], self.step), keys[index, 1])
            for index in range(len(self.names))
        ]

    def move(self, device: torch.device) -> None:
        """Goes on on another device, if it is another."""
        self.keys, self.step = self.keys.to(device), self.step.to(device)

    def keep(self, rows: Tensor) -> None:
        """Goes on with the streams of these runs alone."""
        self.seeds = [self.seeds[row] for row in rows.tolist()]
        self.keys = self.keys[rows.to(self.keys.device)]
