"""The weights of each member's best epoch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lepton.method import StackState
from lepton.vectorize.forward import StackedForward
from lepton.vectorize.weights import StackedWeights


class BestWeights(StackState):
    """Copies of parameters and buffers; the first ones, until there are better."""

    def __init__(self, weights: StackedWeights, body: StackedForward):
        self.values = weights.copy()
        self.buffers = {name: value.clone() for name, value in body.buffers.items()}

    def take(self, members: Sequence[int], values: Sequence[Tensor], body: StackedForward) -> None:
        """Copies what some members have now."""
        rows = torch.tensor(members, dtype=torch.int64, device=self.values[0].device)
        for best, value in zip(self.values, values, strict=True):
            best[rows] = value[rows]
        for name, value in body.buffers.items():
            self.buffers[name][rows] = value[rows]

    def tensors(self) -> dict[str, Tensor]:
        numbered = {f"{i}": value for i, value in enumerate(self.values)}
        return numbered | {f"buffer {name}": value for name, value in self.buffers.items()}

    def put(self, tensors: dict[str, Tensor]) -> None:
        self.values = [tensors[f"{i}"] for i in range(len(self.values))]
        self.buffers = {name: tensors[f"buffer {name}"] for name in self.buffers}
