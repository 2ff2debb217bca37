"""Random bits for dropout: each run's own stream, the same alone and in any stack."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from lepton.compat.torch import change_class, is_inside_backward
from lepton.seeds import derive

LEVELS = 2**16  # a dropout rate is met to one part in LEVELS
WORDS = 2**15  # of 64 bits that a run draws ahead, four numbers each


class Noise:
    """16-bit numbers for K runs, drawn ahead in bulk; a run's depend on its seed alone.

    Units: `drawn` counts a run's numbers in this epoch.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device | None = None):
        self.seeds, self.device = list(seeds), device or torch.device("cpu")
        self.start(0)

    def start(self, epoch: int, *, rank: int = 0) -> None:
        """Begins the streams of an epoch, of one of several processes."""
        own = [derive(seed, "noise", epoch, rank) for seed in self.seeds]
        if self.device.type == "cpu":
            self.streams = [np.random.Generator(np.random.SFC64(seed)) for seed in own]
        else:
            self.streams = [torch.Generator(self.device).manual_seed(seed) for seed in own]
        self.epoch, self.rank, self.drawn = epoch, rank, 0
        self.bits = torch.empty(len(own), 0, dtype=torch.int16, device=self.device)
        self.used = 0

    def draw(self, count: int) -> Tensor:
        """The next numbers of every run. Shapes: -> (K, count), int16."""
        if self.used + count > self.bits.shape[1]:
            self._refill(count)
        self.used += count
        self.drawn += count
        return self.bits[:, self.used - count : self.used]

    def go_on(self, drawn: int) -> None:
        """Begins the epoch again, after so many numbers."""
        self.start(self.epoch, rank=self.rank)
        while drawn > self.drawn:
            self.draw(min(drawn - self.drawn, 4 * WORDS))

    def move(self, device: torch.device) -> None:
        if device != self.device:
            self.device = device
            self.start(self.epoch, rank=self.rank)

    def _refill(self, count: int) -> None:
        """Whole pieces of one size, on which the numbers of some generators depend."""
        left = self.bits[:, self.used :]
        pieces = -(-(count - left.shape[1]) // (4 * WORDS))
        self.bits = left.new_empty(len(left), left.shape[1] + 4 * WORDS * pieces)
        self.used, start = 0, left.shape[1]
        self.bits[:, :start] = left
        for row, stream in zip(self.bits, self.streams, strict=True):
            for piece in row[start:].split(4 * WORDS):
                piece.copy_(self._words(stream).view(torch.int16))

    def _words(self, stream) -> Tensor:
        if self.device.type == "cpu":
            words = stream.integers(0, 2**64, WORDS, dtype=np.uint64)
            return torch.from_numpy(words.view(np.int64))
        empty = torch.empty(WORDS, dtype=torch.int64, device=self.device)
        return empty.random_(-(2**63), None, generator=stream)

    def keep(self, rows: Tensor) -> None:
        chosen = rows.tolist()
        self.seeds = [self.seeds[i] for i in chosen]
        self.streams = [self.streams[i] for i in chosen]
        self.bits = self.bits[rows.to(self.bits.device)]

    def __deepcopy__(self, memo: dict) -> "Noise":
        """Streams of its own, from the start: generators of a GPU cannot be copied."""
        return Noise(self.seeds, self.device)


class Dropout(nn.Dropout):
    """nn.Dropout whose masks come from the run's own stream, at a fraction of the time."""

    def __init__(self, rate: float, noise: Noise):
        super().__init__(rate)
        self.noise = noise

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        if is_inside_backward():
            raise RuntimeError(
                "nn.Dropout within torch.utils.checkpoint would draw another mask when it is "
                "computed again; use torch.nn.functional.dropout there"
            )
        self.noise.move(x.device)
        dropped = round(self.p * LEVELS)
        kept = self.noise.draw(x.numel()).view(x.shape) >= dropped - LEVELS // 2
        return x * kept.to(x.dtype).mul_(LEVELS / (LEVELS - dropped) if dropped < LEVELS else 0.0)


def take_masks_from(noise: Noise, model: nn.Module) -> None:
    """Gives the dropout layers of a run's model their stream; they stay the same objects.

    Those in a module that says `recomputed` keep torch's, which draws the same when a block is
    computed again for its gradients.
    """
    again = {m for part in model.modules() if hasattr(part, "recomputed") for m in part.modules()}
    for layer in model.modules():
        if type(layer) is nn.Dropout and layer not in again:
            change_class(layer, Dropout, noise=noise)
