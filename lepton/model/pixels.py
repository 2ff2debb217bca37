"""Pixels: what networks on images begin with, bytes scaled to numbers."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.spec import DataSpec

GREY, COLOURS = 1, 3  # numbers of channels, of which the first is shown in the second


class Scaling(NamedTuple):
    """Mean and standard deviation of each channel, and the words for where they are from.

    Units: of pixels from 0 to 1.
    """

    mean: Sequence[float]
    std: Sequence[float]
    origin: str


class Pixels(nn.Module):
    """Pixels less a mean and over a deviation of each channel: those of the training images, or of
    the images that pretrained weights have seen. Grey becomes three equal channels for the latter.

    Shapes: image (B, C, H, W) uint8 -> (B, channels, H, W) float.
    Raises: ConfigError for images of another number of channels than the weights take.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, *, spec: DataSpec, scaling: Scaling | None = None, channels: int | None = None
    ):
        super().__init__()
        fields = spec.inputs["image"]
        self.given: int = fields["channels"]
        self.channels = channels or self.given
        if self.given not in (self.channels, GREY if self.channels == COLOURS else None):
            raise ConfigError(
                f"model: its weights take images of {self.channels} channels, and these have "
                f"{self.given}; give dataset.channels={self.channels}"
            )
        own = Scaling(fields["mean"], fields["std"], "the training images")
        self.scaling = own if scaling is None else scaling
        for name, values in (("mean", self.scaling.mean), ("std", self.scaling.std)):
            if len(values) not in (self.given, self.channels):
                raise ConfigError(
                    f"model: {len(values)} values of {name} for images of {self.channels} channels"
                )
            tensor = torch.tensor([*values], dtype=torch.float32)
            if len(values) != self.channels:
                tensor = tensor.expand(self.channels).clone()
            self.register_buffer(name, tensor[:, None, None])

    def forward(self, image: Tensor) -> Tensor:
        return (image.to(self.mean.dtype) / 255 - self.mean) / self.std

    def remarks(self) -> list[str]:
        """How pixels are scaled, in a line."""
        mean, std = (tensor.flatten().tolist() for tensor in (self.mean, self.std))
        is_own = all(abs(a - b) < 1e-6 for a, b in zip(mean, self.scaling.mean, strict=False))
        origin = self.scaling.origin if is_own else "the weights that init_from names"
        values = [" ".join(f"{value:.3g}" for value in values) for values in (mean, std)]
        return [f"pixels are scaled by mean {values[0]} and deviation {values[1]} of {origin}"]
