"""KaldiSpectrum: the spectrum that audio spectrogram transformers were trained on."""

import numpy as np
import torch
from torch import Tensor, nn

WINDOW, HOP, SIZE = 400, 160, 512  # samples at 16 kHz: of a frame, between two, of a transform
LOW = 20.0  # Hz, the lowest edge of a band
LOUDER = 0.97  # of a sample, that is taken from the next one
FLOOR = 1.192092955078125e-07  # of power, the smallest step of 32 bits at 1


class KaldiSpectrum(nn.Module):
    """Log-mel with what Kaldi does before: each frame without its mean, high pitches made louder.

    Shapes: audio (B, samples) from -1 to 1 -> (B, frames, bands).
    Source: https://kaldi-asr.org/doc/feat.html
    """

    taper: Tensor
    filters: Tensor

    def __init__(self, *, bands: int, rate: int):
        super().__init__()
        taper = torch.hann_window(WINDOW, periodic=False, dtype=torch.float64)
        self.register_buffer("taper", taper.float(), persistent=False)
        filters = torch.from_numpy(_filters(bands, rate)).float()
        self.register_buffer("filters", filters, persistent=False)

    def frames(self, samples: Tensor) -> Tensor:
        """How many frames sounds of so many samples have. Shapes: (B,) -> (B,)."""
        return (samples - WINDOW).clamp(min=0) // HOP + 1

    def forward(self, audio: Tensor) -> Tensor:
        dtype = self.taper.dtype
        exact = torch.float64 if dtype == torch.float64 else torch.float32
        waves = audio.to(exact)
        if waves.shape[1] < WINDOW:
            waves = nn.functional.pad(waves, (0, WINDOW - waves.shape[1]))
        with torch.autocast(audio.device.type, enabled=False):  # 16 bits hold no power of a sound
            frames = waves.unfold(1, WINDOW, HOP)
            frames = frames - frames.mean(-1, keepdim=True)
            first = frames[..., :1] * (1 - LOUDER)
            frames = torch.cat([first, frames[..., 1:] - LOUDER * frames[..., :-1]], -1)
            spectrum = torch.fft.rfft(frames * self.taper.to(exact), n=SIZE)
            power = spectrum.real.square() + spectrum.imag.square()
            return (power @ self.filters.to(exact)).clamp(min=FLOOR).log().to(dtype)


def _filters(bands: int, rate: int) -> np.ndarray:
    """Triangles that are straight in mel, over the bins of a transform. Shapes: (bins, bands)."""
    edges = np.linspace(_mel(LOW), _mel(rate // 2), bands + 2)
    bins = _mel(np.arange(SIZE // 2 + 1) * (rate / SIZE))[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0, np.minimum(rising, falling))
    filters[-1] = 0  # Kaldi has no bin at half of the rate
    return filters


def _mel(hertz: float | np.ndarray) -> np.ndarray:
    return 1127 * np.log(1 + np.asarray(hertz, np.float64) / 700)
