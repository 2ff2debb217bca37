"""Batches of inputs without a target, as large as a model takes at once without gradients."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from lepton.dataset.load.batch_cutter import BatchCutter
from lepton.method import Batch

if TYPE_CHECKING:
    from lepton.dataset.inputs.kind import InputKind


def prediction_batches(
    inputs: Batch, kinds: "Sequence[type[InputKind]]" = ()
) -> Iterator[tuple[Tensor, Batch]]:
    """Row numbers, and a batch of these rows; each row once. Rows of varying length come by it."""
    cutter = BatchCutter(inputs, kinds)
    if cutter.has_lengths:
        for rows in cutter.batch_rows(1):
            yield rows, cutter.padded(inputs, rows)
        return
    start = 0
    for rows in cutter.batch_rows(1):
        yield rows, cutter.cut(inputs, slice(start, start + len(rows)))
        start += len(rows)
