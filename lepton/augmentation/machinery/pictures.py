"""Pictures and clips of a batch as numbers, whatever their dimensions."""

from collections.abc import Callable

import torch
from torch import Tensor

from lepton.method import Batch
from lepton.randomness.draw import at_least_32_bits
from lepton.spec import DataSpec

WHITE = 255.0  # the largest value of a pixel
PICTURES = ("image", "video")  # kinds of inputs, which are the names of their tensors too


def as_numbers(pixels: Tensor) -> Tensor:
    """Pixels as numbers from 0 to 255 that need be no whole ones."""
    return pixels if pixels.is_floating_point() else pixels.to(at_least_32_bits())


def change_pictures(batch: Batch, change: Callable[[str, Tensor], Tensor]) -> Batch:
    """The batch with its pictures and clips changed; `change` is given the kind and the pixels.

    Shapes: pixels (B, C, H, W), or of clips (B, frames, C, H, W), from 0 to 255.
    """
    changed = {name: change(name, as_numbers(batch[name])) for name in PICTURES if name in batch}
    return batch | changed


def of_each(values: Tensor, pixels: Tensor) -> Tensor:
    """A number a row, as it is multiplied with pixels. Shapes: (B,) -> (B, 1, ...)."""
    return values.reshape(-1, *[1] * (pixels.ndim - 1)).to(pixels.dtype)


def channel_values(spec: DataSpec, kind: str, name: str) -> Tensor:
    """`mean` or `std` of the training pixels, from 0 to 255. Shapes: -> (C, 1, 1)."""
    return torch.tensor([*spec.inputs[kind][name]])[:, None, None] * WHITE
