"""Pixels: what networks on images begin with, bytes scaled to numbers."""

import torch
from torch import Tensor, nn

from lepton.spec import DataSpec


class Pixels(nn.Module):
    """Pixels with mean 0 and standard deviation 1 in each channel, as over the training images.

    Shapes: image (B, C, H, W) uint8 -> (B, C, H, W) float.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, *, spec: DataSpec):
        super().__init__()
        fields = spec.inputs["image"]
        self.channels: int = fields["channels"]
        for name in ("mean", "std"):
            values = torch.tensor(fields[name], dtype=torch.float32)[:, None, None]
            self.register_buffer(name, values)

    def forward(self, image: Tensor) -> Tensor:
        return (image.to(self.mean.dtype) / 255 - self.mean) / self.std
