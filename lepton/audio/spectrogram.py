"""Draws the log-mel of a sound as a small picture, for a person to look at."""

import numpy as np
import torch

from lepton.audio.log_mel import LogMel
from lepton.values.png import png

BANDS, WINDOW, HOP, LEAST_HZ, FLOOR = 48, 25, 10, 20, 1e-7
MOST_COLUMNS, ROWS_A_BAND = 240, 2
SHADES = np.array(
    [[12, 7, 40], [120, 28, 109], [237, 105, 37], [252, 255, 164]], float
)  # inferno's


def spectrogram_png(samples: np.ndarray, rate: int) -> bytes:
    """A PNG with time to the right and pitch upwards, where bright is loud.

    Shapes: samples (n,) int16.
    """
    spectrum = LogMel(
        bands=BANDS if rate >= 8000 else BANDS // 4,
        window=max(WINDOW, 200_000 / rate),
        hop=HOP,
        low=LEAST_HZ,
        high=None,
        floor=FLOOR,
        keep=None,
    )
    frames = spectrum.at(rate)(torch.from_numpy(samples)[None])[0].numpy()
    step = -(-len(frames) // MOST_COLUMNS)
    frames = np.stack([block.max(0) for block in np.split(frames, range(step, len(frames), step))])
    low, high = frames.min(), frames.max()
    shares = (frames.T[::-1] - low) / max(1e-9, high - low)
    places = np.linspace(0, 1, len(SHADES))
    colours = np.stack([np.interp(shares, places, shade) for shade in SHADES.T], -1)
    return png(colours.round().astype(np.uint8).repeat(ROWS_A_BAND, 0))
