"""Pictures made brighter, of more contrast, more colourful: blends of each with another picture."""

import torch
from torch import Tensor

from lepton.augmentation.machinery.pictures import WHITE, of_each

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in grey, as of ITU-R 601


def grey(pixels: Tensor) -> Tensor:
    """The brightness of each pixel; of pictures without colours themselves.

    Shapes: (B, ..., C, H, W) -> (B, ..., 1, H, W).
    """
    if pixels.shape[-3] < len(LUMA):
        return pixels[..., :1, :, :]
    red, green, blue = (pixels[..., channel : channel + 1, :, :] for channel in range(len(LUMA)))
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def with_brightness(pixels: Tensor, factor: Tensor) -> Tensor:
    """Blended with black: 0 is black, 1 the picture. Shapes: factor (B,)."""
    return _colours(pixels, torch.zeros_like(pixels), factor)


def with_contrast(pixels: Tensor, factor: Tensor) -> Tensor:
    """Blended with its mean grey: 0 is that alone, 1 the picture. Shapes: factor (B,)."""
    return _colours(pixels, grey(pixels).mean((-3, -2, -1), keepdim=True), factor)


def with_saturation(pixels: Tensor, factor: Tensor) -> Tensor:
    """Blended with itself in grey: 0 has no colours, 1 is the picture. Shapes: factor (B,)."""
    return _colours(pixels, grey(pixels), factor)


def _colours(pixels: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """The blend, within what pixels can be; a fourth channel, as of transparency, stays."""
    factor = of_each(factor, pixels)
    blended = (other + factor * (pixels - other)).clamp(0, WHITE)
    is_colour = torch.arange(pixels.shape[-3], device=pixels.device) < len(LUMA)
    return torch.where(is_colour[:, None, None], blended, pixels)
