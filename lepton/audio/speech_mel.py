"""SpeechMel: the spectrum that Google's speech embedding hears, in decibels."""

import math

import numpy as np
import torch
from torch import Tensor, nn

RATE = 16_000  # samples a second
WINDOW, SIZE, HOP = 400, 512, 160  # samples that are weighed, of a transform, between two
BANDS, LOW, HIGH = 32, 60.0, 3800.0  # the edges in Hz
LINEAR_HZ, HZ_A_MEL, LOG_STEP = 1000.0, 200 / 3, math.log(6.4) / 27  # of Slaney's scale of mel
LEAST_POWER, RANGE_DB = 1e-10, 80.0  # below the loudest of a sound there is no less


class SpeechMel(nn.Module):
    """Decibels of power in bands, over 10, plus 2; a sound's own frames decide on its loudest.

    Zeros stand behind them.
    Shapes: audio (B, samples), samples (B,) that count -> (B, frames, BANDS).
    Source: melspectrogram.onnx of openWakeWord, Apache-2.0, to which it is equal
    """

    taper: Tensor
    filters: Tensor

    def __init__(self):
        super().__init__()
        margin = (SIZE - WINDOW) // 2
        taper = torch.hann_window(WINDOW, periodic=True, dtype=torch.float64)
        taper = nn.functional.pad(taper, (margin, margin))
        self.register_buffer("taper", taper.float(), persistent=False)
        filters = torch.from_numpy(_filters()).float()
        self.register_buffer("filters", filters, persistent=False)

    def frames(self, samples: Tensor) -> Tensor:
        """How many frames sounds of so many samples have. Shapes: (B,) -> (B,)."""
        return (samples - SIZE).clamp(min=0) // HOP + 1

    def forward(self, audio: Tensor, samples: Tensor) -> Tensor:
        dtype = self.taper.dtype
        exact = torch.float64 if dtype == torch.float64 else torch.float32
        waves = audio.to(exact)
        if waves.shape[1] < SIZE:
            waves = nn.functional.pad(waves, (0, SIZE - waves.shape[1]))
        with torch.autocast(audio.device.type, enabled=False):  # 16 bits hold no power of a sound
            frames = waves.unfold(1, SIZE, HOP) * self.taper.to(exact)
            spectrum = torch.fft.rfft(frames)
            power = spectrum.real.square() + spectrum.imag.square()
            levels = 10 * (power @ self.filters.to(exact)).clamp(min=LEAST_POWER).log10()
        place = torch.arange(levels.shape[1], device=levels.device)
        is_own = (place < self.frames(samples)[:, None])[..., None]
        loudest = levels.masked_fill(~is_own, -torch.inf).amax((1, 2), keepdim=True)
        scaled = levels.maximum(loudest - RANGE_DB) / 10 + 2
        return scaled.masked_fill(~is_own, 0.0).to(dtype)


def _filters() -> np.ndarray:
    """Triangles over the bins of a transform, each of area 1 in Hz. Shapes: (bins, BANDS)."""
    edges = _hertz(np.linspace(_mel(LOW), _mel(HIGH), BANDS + 2))
    bins = np.linspace(0, RATE / 2, SIZE // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])


def _mel(hertz: float) -> float:
    if hertz < LINEAR_HZ:
        return hertz / HZ_A_MEL
    return LINEAR_HZ / HZ_A_MEL + math.log(hertz / LINEAR_HZ) / LOG_STEP


def _hertz(mels: np.ndarray) -> np.ndarray:
    bend = LINEAR_HZ / HZ_A_MEL
    return np.where(mels < bend, mels * HZ_A_MEL, LINEAR_HZ * np.exp(LOG_STEP * (mels - bend)))
