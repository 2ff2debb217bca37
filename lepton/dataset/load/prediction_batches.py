"""Batches of inputs without a target, as large as a model takes at once without gradients."""

from collections.abc import Iterator

import torch
from torch import Tensor

from lepton.dataset.load.batches import EVALUATION_ROWS
from lepton.dataset.load.token_batches import rows_by_length, token_batch
from lepton.method import Batch


def prediction_batches(inputs: Batch) -> Iterator[tuple[Tensor, Batch]]:
    """Row numbers, and a batch of these rows; each row once. Texts come by length."""
    if "tokens" in inputs:
        length = inputs["length"].cpu()
        for rows in rows_by_length(length, 1):
            yield rows, token_batch(inputs, length, rows)
        return
    total = len(next(iter(inputs.values())))
    for start in range(0, total, EVALUATION_ROWS):
        rows = slice(start, start + EVALUATION_ROWS)
        yield torch.arange(total)[rows], {name: tensor[rows] for name, tensor in inputs.items()}
