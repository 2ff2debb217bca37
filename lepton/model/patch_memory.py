"""PatchMemory: patches of good parts, and how far others are from the nearest of them."""

from typing import Any, Literal

import torch
from torch import Tensor

from lepton.errors import ConfigError
from lepton.model.good_parts import GoodPartsModel
from lepton.values.bounds import AtLeast1

PROJECTED = 64  # dimensions in which patches are chosen, for which distances stay as they were
BLOCK = 8192  # patches whose distances to the memory are held at a time


class PatchMemory(GoodPartsModel):
    """A memory of patches; a patch is as far as the mean of its nearest ones there.

    Source: Roth et al. 2022 (PatchCore), https://arxiv.org/abs/2106.08265; without its weighting of
        a picture's score by the neighbours in the memory.
    """

    def __init__(
        self,
        *,
        patches: AtLeast1,
        candidates: AtLeast1,
        choice: Literal["greedy", "random"],
        neighbours: AtLeast1,
        **shared: Any,
    ):
        super().__init__(**shared)
        if neighbours > patches:
            raise ConfigError(
                f"model.neighbours={neighbours}: the memory has {patches} patches (model.patches)"
            )
        self.patches, self.candidates = patches, max(candidates, patches)
        self.choice, self.neighbours = choice, neighbours

    def learn(self, image: Tensor) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(self.seed)
        first, *_ = self.features.batches(image[:1])
        each = first.shape[1] * first.shape[2]
        is_drawn = torch.zeros(len(image) * each, dtype=torch.bool)
        is_drawn[torch.randperm(len(is_drawn), generator=generator)[: self.candidates]] = True
        drawn, start = [], 0
        for block in self.features.batches(image):
            rows = block.flatten(0, 2)
            drawn.append(rows[is_drawn[start : start + len(rows)]])
            start += len(rows)
        values = torch.cat(drawn)
        if self.choice == "random" or len(values) <= self.patches:
            chosen = torch.randperm(len(values), generator=generator)[: self.patches]
        else:
            chosen = spread_rows(values, self.patches, generator)
        return {"memory": values[chosen.sort().values].contiguous()}

    def distances(self, features: Tensor) -> Tensor:
        memory = self.learned["memory"]
        count = min(self.neighbours, len(memory))
        blocks = [
            torch.cdist(rows, memory).topk(count, largest=False).values.mean(1)
            for rows in features.flatten(0, 2).split(BLOCK)
        ]
        return torch.cat(blocks).unflatten(0, features.shape[:3])


def spread_rows(values: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """So many rows that no other is far from the nearest of them: the farthest, one after another.

    Distances are those of a random projection where rows are long.
    Source: Gonzalez 1985, https://doi.org/10.1016/0304-3975(85)90224-5
    Shapes: values (N, D) -> (count,).
    """
    width = values.shape[1]
    if width > PROJECTED:
        values = values @ torch.randn(width, PROJECTED, generator=generator) / PROJECTED**0.5
    squares = values.square().sum(1)
    newest = int(torch.randint(len(values), (1,), generator=generator))
    chosen, nearest = [newest], torch.full((len(values),), torch.inf)
    for _ in range(count - 1):
        to_newest = squares - 2 * (values @ values[newest]) + squares[newest]
        nearest = torch.minimum(nearest, to_newest)
        newest = int(nearest.argmax())
        chosen.append(newest)
    return torch.tensor(chosen)
