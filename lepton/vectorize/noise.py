"""Random bits for dropout: each member's own stream, whoever else is in the stack."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lepton.seeds import derive

LEVELS = 2**16  # a dropout rate is met to one part in LEVELS
BYTES = 2**24  # of bits drawn at a time, for all members together


class Noise:
    """16-bit numbers for K members, drawn ahead in bulk; a member's depend on its seed alone."""

    def __init__(self, seeds: Sequence[int], device: torch.device):
        self.seeds, self.device = list(seeds), device
        self.start(0)

    def start(self, epoch: int) -> None:
        """Begins the streams of an epoch."""
        own = [derive(seed, "noise", epoch) for seed in self.seeds]
        if self.device.type == "cpu":
            self.streams = [np.random.Generator(np.random.SFC64(seed)) for seed in own]
        else:
            self.streams = [torch.Generator(self.device).manual_seed(seed) for seed in own]
        self.bits = torch.empty(len(own), 0, dtype=torch.int16, device=self.device)
        self.used = 0

    def draw(self, count: int) -> Tensor:
        """The next numbers of every member. Shapes: -> (K, count), int16."""
        if self.used + count > self.bits.shape[1]:
            self._refill(count)
        self.used += count
        return self.bits[:, self.used - count : self.used]

    def _refill(self, count: int) -> None:
        left = self.bits[:, self.used :]
        ahead = max(count - left.shape[1], BYTES // (2 * len(self.streams)))
        words = -(-ahead // 4)  # four numbers in 64 bits
        self.bits, self.used = left.new_empty(len(left), left.shape[1] + 4 * words), 0
        self.bits[:, : left.shape[1]] = left
        for row, stream in zip(self.bits[:, left.shape[1] :], self.streams, strict=True):
            row.copy_(self._words(stream, words).view(torch.int16))

    def _words(self, stream, count: int) -> Tensor:
        if self.device.type == "cpu":
            words = stream.integers(0, 2**64, count, dtype=np.uint64)
            return torch.from_numpy(words.view(np.int64))
        empty = torch.empty(count, dtype=torch.int64, device=self.device)
        return empty.random_(-(2**63), None, generator=stream)

    def keep(self, rows: Tensor) -> None:
        chosen = rows.tolist()
        self.seeds = [self.seeds[i] for i in chosen]
        self.streams = [self.streams[i] for i in chosen]
        self.bits = self.bits[rows.to(self.bits.device)]
