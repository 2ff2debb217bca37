"""Inputs in parts that a model takes at once without gradients."""

from collections.abc import Iterator

import torch
from torch import Tensor

from lepton.dataset.load.token_batches import by_length, cut

CHUNK = 8192  # rows of numbers and categories
Inputs = dict[str, Tensor]


def in_chunks(inputs: Inputs) -> Iterator[tuple[Tensor, Inputs]]:
    """Row numbers, and a batch of these rows; each row once. Texts come by length."""
    if "tokens" in inputs:
        length = inputs["length"].cpu()
        for rows in by_length(length, 1):
            yield rows, cut(inputs, length, rows)
        return
    count = len(next(iter(inputs.values())))
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        yield torch.arange(count)[part], {name: tensor[part] for name, tensor in inputs.items()}
