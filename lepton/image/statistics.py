"""Mean and standard deviation of the pixels of many pictures."""

from collections.abc import Iterable

import numpy as np

LEVELS = 256  # of a pixel


def pixel_statistics(blocks: Iterable[np.ndarray]) -> tuple[list[float], list[float]]:
    """Mean and deviation of each channel over all pictures; a deviation of 0 counts as 1.

    Shapes: blocks of (n, channels, H, W) uint8 -> (channels,) twice.
    Units: of pixels from 0 to 1.
    """
    counts: np.ndarray | float = 0.0
    for block in blocks:
        channels = block.swapaxes(0, 1)
        counts = counts + np.stack([np.bincount(c.ravel(), minlength=LEVELS) for c in channels])
    levels, shares = np.arange(LEVELS) / (LEVELS - 1), counts / np.sum(counts, 1, keepdims=True)
    mean = shares @ levels
    std = np.sqrt((shares * (levels - mean[:, None]) ** 2).sum(1))
    return mean.tolist(), [float(value) or 1.0 for value in std]
