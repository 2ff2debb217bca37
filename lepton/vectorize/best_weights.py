"""The weights of each member's best epoch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lepton.method import StackState
from lepton.vectorize.forward import StackedForward
from lepton.vectorize.weights import StackedWeights


class BestWeights(StackState):
    """Copies of parameters and buffers as each member had them in its best epoch; those of the
    start, until there is one.

    Shapes: each of `values` (K, n), `buffers[name]` (K, *shape).
    """

    def __init__(self, weights: StackedWeights, forward: StackedForward):
        self.values = weights.copy()
        self.buffers = {name: buffer.clone() for name, buffer in forward.buffers.items()}

    def copy_members(
        self, members: Sequence[int], values: Sequence[Tensor], forward: StackedForward
    ) -> None:
        """Copies the present parameters and buffers of some members, by row.

        Shapes: each of `values` (K, n).
        """
        rows = torch.tensor(members, dtype=torch.int64, device=self.values[0].device)
        for best, value in zip(self.values, values, strict=True):
            best[rows] = value[rows]
        for name, buffer in forward.buffers.items():
            self.buffers[name][rows] = buffer[rows]

    def tensors(self) -> dict[str, Tensor]:
        numbered = {f"{i}": value for i, value in enumerate(self.values)}
        return numbered | {f"buffer {name}": buffer for name, buffer in self.buffers.items()}

    def put(self, tensors: dict[str, Tensor]) -> None:
        self.values = [tensors[f"{i}"] for i in range(len(self.values))]
        self.buffers = {name: tensors[f"buffer {name}"] for name in self.buffers}
