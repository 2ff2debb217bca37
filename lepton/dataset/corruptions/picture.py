"""What goes wrong with pictures: noise, blur, brightness, contrast, JPEG, coarse pixels.

Severities of small pictures are those of CIFAR-10-C, of others those of ImageNet-C; a blur is as
wide beside the picture as it is there, and at least as wide as on 32 pixels.
Source: Hendrycks & Dietterich 2019, https://arxiv.org/abs/1903.12261, and their code,
    https://github.com/hendrycks/robustness
"""

import io
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter

from lepton.dataset.corruptions.corruptions import Change, Corruptions, by_name
from lepton.dataset.inputs.kind import Rows
from lepton.image.decoding import pillow

WHITE, COLOURS = 255.0, 3
SMALL, SMALL_SIDE, LARGE_SIDE = 128, 32, 224  # pixels of a side: below SMALL it is a small picture
Levels = tuple[tuple[float, ...], tuple[float, ...]]  # by severity, of small and of large pictures
NOISE: Levels = (0.04, 0.06, 0.08, 0.09, 0.1), (0.08, 0.12, 0.18, 0.26, 0.38)  # of white
BLUR: Levels = (
    (0.4, 0.6, 0.7, 0.8, 1.0),
    (1.0, 2.0, 3.0, 4.0, 6.0),
)  # pixels, its std
BRIGHTNESS: Levels = (0.05, 0.1, 0.15, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4, 0.5)  # of white
CONTRAST: Levels = (0.75, 0.5, 0.4, 0.3, 0.15), (0.4, 0.3, 0.2, 0.1, 0.05)  # that is left
QUALITY: Levels = (80, 65, 58, 50, 40), (25, 18, 15, 10, 7)  # of JPEG
SIDES: Levels = (0.95, 0.9, 0.85, 0.75, 0.65), (0.6, 0.5, 0.4, 0.3, 0.25)  # that are left


def gaussian_noise(x: np.ndarray, severity: int, generator: np.random.Generator) -> np.ndarray:
    """Adds normal noise. Shapes: x (C, H, W) from 0 to 1, as of all of these."""
    return x + _level(NOISE, x, severity) * generator.normal(size=x.shape)


def blur(x: np.ndarray, severity: int, generator: np.random.Generator) -> np.ndarray:
    """Blurs by a normal kernel."""
    side = min(x.shape[1:])
    scale = side / LARGE_SIDE if side >= SMALL else max(side / SMALL_SIDE, 1.0)
    width = _level(BLUR, x, severity) * scale
    return gaussian_filter(x, (0, width, width), mode="nearest")


def brightness(x: np.ndarray, severity: int, generator: np.random.Generator) -> np.ndarray:
    """Raises the value of hue, saturation and value."""
    value = x.max(0, keepdims=True)
    raised = np.minimum(value + _level(BRIGHTNESS, x, severity), 1)
    return np.where(value > 0, x * raised / np.where(value > 0, value, 1), raised)


def contrast(x: np.ndarray, severity: int, generator: np.random.Generator) -> np.ndarray:
    """Moves pixels towards the mean of their channel."""
    mean = x.mean((1, 2), keepdims=True)
    return mean + _level(CONTRAST, x, severity) * (x - mean)


def jpeg(x: np.ndarray, severity: int, generator: np.random.Generator) -> np.ndarray:
    """Compresses by JPEG."""
    content, quality = io.BytesIO(), int(_level(QUALITY, x, severity))
    _as_picture(x).save(content, "JPEG", quality=quality)
    return _as_pixels(pillow().open(content))


def pixelate(x: np.ndarray, severity: int, generator: np.random.Generator) -> np.ndarray:
    """Makes pixels coarser."""
    share, (height, width) = _level(SIDES, x, severity), x.shape[1:]
    small = (max(1, int(width * share)), max(1, int(height * share)))
    box = pillow().Resampling.BOX
    return _as_pixels(_as_picture(x).resize(small, box).resize((width, height), box))


class PictureCorruptions(Corruptions):
    """Corrupts pixels as the model is given them, of clips each frame; transparency stays."""

    functions = by_name(gaussian_noise, blur, brightness, contrast, jpeg, pixelate)

    def changed(self, change: Change, raw: pd.DataFrame, rows: Rows) -> Rows:
        pixels = rows[self.kind.name]
        corrupted = np.empty(tuple(pixels.shape), np.uint8)
        for place in range(len(corrupted)):
            row = pixels[place : place + 1][0].numpy()
            frames = row.reshape(-1, *row.shape[-3:])
            made = [_on_colours(change, frame) for frame in frames]
            corrupted[place] = np.stack(made).reshape(row.shape)
        return {self.kind.name: torch.from_numpy(corrupted)}


def _on_colours(change: Change, pixels: np.ndarray) -> np.ndarray:
    """A picture with its colours changed. Shapes: (C, H, W) uint8."""
    changed = change(pixels[:COLOURS] / WHITE)
    colours = np.clip(changed * WHITE, 0, WHITE).round().astype(np.uint8)
    return np.concatenate([colours, pixels[COLOURS:]])


def _level(levels: Levels, x: np.ndarray, severity: int) -> float:
    return levels[min(x.shape[1:]) >= SMALL][severity - 1]


def _as_picture(x: np.ndarray) -> Any:
    pixels = (x * WHITE).round().astype(np.uint8).transpose(1, 2, 0)
    return pillow().fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _as_pixels(picture: Any) -> np.ndarray:
    pixels = np.asarray(picture) / WHITE
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
