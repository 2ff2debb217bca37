"""Outputs of a network for whole tensors: computed batch by batch, without gradients."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from lepton.dataset.inputs.kind import InputKind
from lepton.dataset.load.prediction_batches import prediction_batches
from lepton.dataset.load.target_digits import in_dtype
from lepton.method import Batch
from lepton.training import memory


def compute_in_batches(
    model: nn.Module,
    inputs: Batch,
    compute: Callable[[Batch], Tensor],
    *,
    kinds: Sequence[type[InputKind]],
    device: torch.device,
) -> Tensor:
    """The rows of `compute`, which calls the model on a batch; on the CPU, in the inputs' order.

    `kinds` are those of the inputs, by which these are cut.
    """
    model.eval().to(device)
    dtype = next(model.parameters()).dtype
    row_numbers, outputs = [], []
    with torch.inference_mode(), default_dtype(dtype):
        for numbers, rows in prediction_batches(inputs, kinds):
            memory.trim_before_batch(len(outputs))
            batch = in_dtype(rows, dtype, device)
            row_numbers.append(numbers)
            outputs.append(compute(batch).cpu())
    return torch.cat(outputs)[torch.cat(row_numbers).argsort()]


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Sets the float type of the tensors that a model makes itself."""
    previous = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(previous)
