"""Cuts batches out of a split: each kind of inputs in its own way, all else by row."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lepton.method import Batch

if TYPE_CHECKING:
    from lepton.dataset.inputs.kind import InputKind

BATCH_BYTES = 2**28  # that the rows of a batch without gradients, or of a block, cost at most
EVALUATION_ROWS = 8192  # of a batch without gradients at most, where rows have no lengths
NOT_INPUTS = ("target", "id", "weight")  # the last where rows have weights


def take(values: Any, index: Tensor | slice) -> Any:
    """The rows of a tensor or an array; a view of them for a slice. Shapes: index (B,)."""
    if isinstance(index, Tensor) and isinstance(values, Tensor):
        return values.index_select(0, index)
    return values[index]


def rows_of_a_block(tensors: Batch) -> int:
    """The rows whose tensors take BATCH_BYTES."""
    row_bytes = (values.nbytes // max(1, len(values)) for values in tensors.values())
    return BATCH_BYTES // max(1, sum(row_bytes))


class BatchCutter:
    """Cuts batches out of the tensors of a split, which may be moved meanwhile.

    `has_lengths`: rows differ in their steps, and batches without gradients come by length;
    `groups_by_length`: so do training batches, each padded to its own longest row.
    """

    def __init__(self, tensors: Batch, kinds: "Sequence[type[InputKind]]"):
        self.kinds = [kind for kind in kinds if not tensors.keys().isdisjoint(kind.tensors)]
        self.others = tensors.keys() - {name for kind in self.kinds for name in kind.tensors}
        lengths = [kind.lengths(tensors) for kind in self.kinds]
        self.total = len(next(iter(tensors.values())))
        self.lengths = {i: length for i, length in enumerate(lengths) if length is not None}
        step_bytes = [kind.row_bytes(tensors) for kind in self.kinds]
        self.step_bytes = {i: step_bytes[i] for i in self.lengths}
        self.row_bytes = sum(b for i, b in enumerate(step_bytes) if i not in self.lengths) + sum(
            tensors[name][:1].nbytes for name in self.others if name not in NOT_INPUTS
        )
        self.has_lengths = bool(self.lengths)
        self.groups_by_length = any(self.kinds[i].padding == "batch" for i in self.lengths)

    def cut(self, tensors: Batch, index: Tensor | slice, width_of: Tensor | None = None) -> Batch:
        """The batch of these rows, padded to the longest of the rows `width_of`, or of the split.

        Shapes: index (B,), on the device of the tensors; width_of (B,), on the CPU.
        """
        batch = {}
        for i, kind in enumerate(self.kinds):
            length = self.lengths.get(i)
            width = 0
            if length is not None and len(length):
                width = int((length if width_of is None else length[width_of]).max())
            batch |= kind.cut(tensors, index, width)
        return batch | {n: take(t, index) for n, t in tensors.items() if n in self.others}

    def padded(self, tensors: Batch, rows: Tensor) -> Batch:
        """The batch of these rows, padded to the longest of them. Shapes: rows (B,), on the CPU."""
        device = next(iter(tensors.values())).device
        return self.cut(tensors, rows.to(device), rows)

    def cost(self) -> Tensor:
        """What each row costs by itself in a batch. Shapes: (rows,) int64. Units: bytes."""
        steps = [length * self.step_bytes[i] for i, length in self.lengths.items()]
        return sum(steps, torch.full((self.total,), self.row_bytes))

    def batch_rows(self, min_rows: int) -> Iterator[Tensor]:
        """Row numbers of batches that cost BATCH_BYTES at most, padding included, or hold
        `min_rows` rows; from the cheapest row to the dearest where rows have lengths."""
        if not self.has_lengths:
            yield from torch.arange(self.total).split(self.fixed_rows(min_rows))
            return
        order = self.cost().argsort(stable=True)
        start = 0
        while start < self.total:
            rows = order[start:]
            widest = sum(
                length[rows].cummax(0).values * self.step_bytes[i]
                for i, length in self.lengths.items()
            )
            cost = torch.arange(1, len(rows) + 1) * (widest + self.row_bytes)
            count = max(min_rows, int((cost <= BATCH_BYTES).sum()))
            yield rows[:count]
            start += count

    def fixed_rows(self, min_rows: int) -> int:
        """The rows of a batch without gradients, where all rows cost the same."""
        affordable = BATCH_BYTES // max(1, self.row_bytes)
        return max(min_rows, min(EVALUATION_ROWS, affordable), 1)

    def fixed_batches(self, min_rows: int) -> int:
        """The number of such batches."""
        return ceil(self.total / self.fixed_rows(min_rows))
