"""Dropout masks from each run's own stream of random numbers: the same alone and in any stack."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from lepton.compat.torch import change_class, is_inside_backward
from lepton.seeds import derive

LEVELS = 2**16  # a dropout rate is met to one part in LEVELS
WORDS_PER_DRAW = 2**15  # words of 64 bits, four numbers each, that a generator gives at a time


class MaskStream:
    """Random 16-bit numbers for the masks of K runs; those of a run depend on its seed alone.

    Units: `position` counts the numbers that each run has drawn in this epoch.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device | None = None):
        self.seeds, self.device = list(seeds), device or torch.device("cpu")
        self.start_epoch(0)

    def start_epoch(self, epoch: int, *, rank: int = 0) -> None:
        """Begins the streams of an epoch, for the process of this rank."""
        seeds = [derive(seed, "noise", epoch, rank) for seed in self.seeds]
        self.generators: list[np.random.Generator | torch.Generator]
        if self.device.type == "cpu":
            self.generators = [np.random.Generator(np.random.SFC64(seed)) for seed in seeds]
        else:
            self.generators = [torch.Generator(self.device).manual_seed(seed) for seed in seeds]
        self.epoch, self.rank, self.position = epoch, rank, 0
        self.buffer = torch.empty(len(seeds), 0, dtype=torch.int16, device=self.device)
        self.buffer_position = 0

    def draw(self, count: int) -> Tensor:
        """The next numbers of every run. Shapes: -> (K, count), int16."""
        if self.buffer_position + count > self.buffer.shape[1]:
            self._refill(count)
        self.buffer_position += count
        self.position += count
        return self.buffer[:, self.buffer_position - count : self.buffer_position]

    def seek(self, position: int) -> None:
        """Begins the epoch again and skips the numbers before `position`."""
        self.start_epoch(self.epoch, rank=self.rank)
        while position > self.position:
            self.draw(min(position - self.position, 4 * WORDS_PER_DRAW))

    def move(self, device: torch.device) -> None:
        """Begins the epoch again on another device, if it is another."""
        if device != self.device:
            self.device = device
            self.start_epoch(self.epoch, rank=self.rank)

    def fork(self, row: int) -> "MaskStream":
        """A stream of one run, of the numbers that this one gives it next."""
        stream = copy.copy(self)
        stream.seeds = [self.seeds[row]]
        stream.generators = [_copy_generator(self.generators[row])]
        stream.buffer = self.buffer[row : row + 1].clone()
        return stream

    def keep(self, rows: Tensor) -> None:
        """Goes on with the streams of these runs alone."""
        kept_rows = rows.tolist()
        self.seeds = [self.seeds[i] for i in kept_rows]
        self.generators = [self.generators[i] for i in kept_rows]
        self.buffer = self.buffer[rows.to(self.buffer.device)]

    def _refill(self, count: int) -> None:
        """Draws ahead, in chunks of one size: some generators' numbers depend on the size."""
        unused = self.buffer[:, self.buffer_position :]
        chunks = -(-(count - unused.shape[1]) // (4 * WORDS_PER_DRAW))
        self.buffer = unused.new_empty(len(unused), unused.shape[1] + 4 * WORDS_PER_DRAW * chunks)
        self.buffer_position, start = 0, unused.shape[1]
        self.buffer[:, :start] = unused
        for row, generator in zip(self.buffer, self.generators, strict=True):
            for chunk in row[start:].split(4 * WORDS_PER_DRAW):
                chunk.copy_(self._random_words(generator).view(torch.int16))

    def _random_words(self, generator: np.random.Generator | torch.Generator) -> Tensor:
        """Uniform words. Shapes: -> (WORDS_PER_DRAW,), int64."""
        if isinstance(generator, np.random.Generator):
            random_words = generator.integers(0, 2**64, WORDS_PER_DRAW, dtype=np.uint64)
            return torch.from_numpy(random_words.view(np.int64))
        empty = torch.empty(WORDS_PER_DRAW, dtype=torch.int64, device=self.device)
        return empty.random_(-(2**63), None, generator=generator)

    def __deepcopy__(self, memo: dict) -> "MaskStream":
        """New streams with the same seeds, at their start: a GPU's generators cannot be copied."""
        return MaskStream(self.seeds, self.device)


def _copy_generator(
    generator: np.random.Generator | torch.Generator,
) -> np.random.Generator | torch.Generator:
    if isinstance(generator, np.random.Generator):
        return copy.deepcopy(generator)
    generator_copy = torch.Generator(generator.device)
    generator_copy.set_state(generator.get_state())
    return generator_copy


class StreamDropout(nn.Dropout):
    """nn.Dropout that takes its masks from a run's MaskStream, at a fraction of the time."""

    replayable = True

    def __init__(self, rate: float, mask_stream: MaskStream):
        super().__init__(rate)
        self.mask_stream = mask_stream

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        if is_inside_backward():
            raise RuntimeError(
                "nn.Dropout within torch.utils.checkpoint would draw another mask when it is "
                "computed again; use torch.nn.functional.dropout there"
            )
        self.mask_stream.move(x.device)
        dropped_levels = round(self.p * LEVELS)
        numbers = self.mask_stream.draw(x.numel()).view(x.shape)
        mask = (numbers >= dropped_levels - LEVELS // 2).to(x.dtype)
        scale = LEVELS / (LEVELS - dropped_levels) if dropped_levels < LEVELS else 0.0
        return x * mask.mul_(scale)


def use_mask_stream(model: nn.Module, mask_stream: MaskStream) -> None:
    """Turns the dropout layers of a model, in place, into StreamDropout of this stream.

    Those below a module with the attribute `recomputed` stay torch's, which draws the same mask
    again when a block is computed again for its gradients.
    """
    recomputed_blocks = (m for m in model.modules() if hasattr(m, "recomputed"))
    recomputed = {module for block in recomputed_blocks for module in block.modules()}
    for layer in model.modules():
        if type(layer) is nn.Dropout and layer not in recomputed:
            change_class(layer, StreamDropout, mask_stream=mask_stream)
