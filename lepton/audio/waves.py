"""Samples of a batch as numbers from -1 to 1."""

import torch
from torch import Tensor

from lepton.audio.decoding import LEVELS


def as_waves(audio: Tensor, dtype: torch.dtype) -> Tensor:
    """The samples of 16 bits, or floats that are such numbers already, in this type."""
    values = audio.to(dtype)
    return values if audio.is_floating_point() else values / LEVELS
