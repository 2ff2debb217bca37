"""Pictures whose tones are mapped to others, as PIL's ImageOps does, and sharpened."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lepton.augmentation.machinery.pictures import WHITE, of_each

LEVELS = 256  # of a pixel
SMALLEST_SIDE = 3  # that has pixels with neighbours all around


def posterize(pixels: Tensor, bits: Tensor) -> Tensor:
    """Pixels with so many of their 8 bits. Shapes: bits (B,)."""
    step = 2 ** (8 - of_each(bits, pixels))
    return (pixels / step).floor() * step


def solarize(pixels: Tensor, threshold: Tensor) -> Tensor:
    """Pixels from a threshold on inverted. Shapes: threshold (B,)."""
    return torch.where(pixels >= of_each(threshold, pixels), WHITE - pixels, pixels)


def autocontrast(pixels: Tensor) -> Tensor:
    """Each channel stretched from black to white, but for one of a single tone."""
    low, high = pixels.amin((-2, -1), keepdim=True), pixels.amax((-2, -1), keepdim=True)
    width = high - low
    return torch.where(width > 0, (pixels - low) * (WHITE / width.clamp_min(1e-6)), pixels)


def equalize(pixels: Tensor) -> Tensor:
    """Each channel with tones that are about equally frequent, of whole numbers."""
    tones = pixels.round().clamp(0, WHITE).long().flatten(-2)
    counts = torch.zeros_like(tones[..., :1]).expand(*tones.shape[:-1], LEVELS)
    counts = counts.scatter_add(-1, tones, torch.ones_like(tones))
    before = counts.cumsum(-1) - counts
    brightest = tones.amax(-1, keepdim=True)
    step = before.gather(-1, brightest) // (LEVELS - 1)
    table = (step // 2 + before) // step.clamp_min(1)
    equal = table.gather(-1, tones).clamp(0, LEVELS - 1).reshape(pixels.shape).to(pixels.dtype)
    return torch.where((step > 0)[..., None], equal, pixels)


def with_sharpness(pixels: Tensor, factor: Tensor) -> Tensor:
    """Blended with itself smoothed: 0 is that alone, 1 the picture, more is sharper; the outermost
    pixels stay. Shapes: factor (B,)."""
    height, width = pixels.shape[-2:]
    if min(height, width) < SMALLEST_SIDE:
        return pixels
    inner = pixels[..., 1:-1, 1:-1]
    around = sum(
        pixels[..., row : row + height - 2, column : column + width - 2]
        for row in range(3)
        for column in range(3)
    )
    smooth = (around + 4 * inner) / 13
    difference = F.pad(inner - smooth, (1, 1, 1, 1))
    return (pixels + (of_each(factor, pixels) - 1) * difference).clamp(0, WHITE)
