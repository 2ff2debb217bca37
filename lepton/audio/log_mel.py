"""LogMel: the option of a spectrum, and the module that computes it from waveforms by batch."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from lepton.audio.waves import as_waves
from lepton.errors import ConfigError
from lepton.values.bounds import Above0, AtLeast1, NotBelow0

MELS_AT_1_HZ = 2595.0  # of the scale of HTK: mel = 2595 log10(1 + f / 700)
HZ_OF_BEND = 700.0


class LogMel:
    """The logarithm of the power in bands of the mel scale, of overlapping windows.

    `keep`: whether data sets compute it once and keep it, or models by batch; None: as it suits.
    Units: window and hop milliseconds; low and high Hz, None half of the rate; floor power.
    """

    def __init__(
        self,
        *,
        bands: AtLeast1,
        window: Above0,
        hop: Above0,
        low: NotBelow0,
        high: Above0 | None,
        floor: Above0,
        keep: bool | None,
    ):
        self.bands, self.window, self.hop = bands, window, hop
        self.low, self.high, self.floor, self.keep = low, high, floor, keep

    def at(self, rate: int) -> "LogMelSpectrum":
        """The module that computes it of waveforms at a rate.

        Raises: ConfigError for bands that there are not.
        """
        high = self.high or rate / 2
        window, hop = (max(1, round(length * rate / 1000)) for length in (self.window, self.hop))
        if not self.low < high <= rate / 2:
            raise ConfigError(
                f"model.spectrum.high: {high:g} Hz is not between model.spectrum.low={self.low:g} "
                f"and half of the rate, {rate / 2:g} Hz"
            )
        size = 1 << math.ceil(math.log2(window))
        filters = mel_filters(self.bands, size, rate, self.low, high)
        if not (filled := (filters > 0).any(0)).all():
            raise ConfigError(
                f"model.spectrum.bands: {self.bands} bands are more than a window of "
                f"{self.window:g} ms at {rate} Hz tells apart ({int(filled.sum())} hold anything); "
                "take fewer, or a longer model.spectrum.window"
            )
        return LogMelSpectrum(torch.from_numpy(filters), window=window, hop=hop, floor=self.floor)


class LogMelSpectrum(nn.Module):
    """Log-mel of waveforms; windows that are not full are left out, but for a sound's first.

    Shapes: audio (B, samples) int16 or float from -1 to 1 -> (B, frames, bands).
    """

    taper: Tensor
    filters: Tensor

    def __init__(self, filters: Tensor, *, window: int, hop: int, floor: float):
        super().__init__()
        self.window, self.hop, self.floor = window, hop, floor
        self.size, self.bands = 2 * (len(filters) - 1), filters.shape[1]
        taper = torch.hann_window(window, periodic=True, dtype=torch.float64)
        self.register_buffer("taper", taper.float(), persistent=False)
        self.register_buffer("filters", filters.float(), persistent=False)

    def frames(self, samples: Tensor) -> Tensor:
        """How many frames sounds of so many samples have. Shapes: (B,) -> (B,)."""
        return (samples - self.window).clamp(min=0) // self.hop + 1

    def forward(self, audio: Tensor) -> Tensor:
        dtype = self.taper.dtype
        exact = torch.float64 if dtype == torch.float64 else torch.float32
        waves = as_waves(audio, exact)
        if waves.shape[1] < self.window:
            waves = nn.functional.pad(waves, (0, self.window - waves.shape[1]))
        with torch.autocast(audio.device.type, enabled=False):  # 16 bits hold no power of a sound
            frames = waves.unfold(1, self.window, self.hop) * self.taper.to(exact)
            spectrum = torch.fft.rfft(frames, n=self.size)
            power = spectrum.real.square() + spectrum.imag.square()
            return (power @ self.filters.to(exact)).clamp(min=self.floor).log().to(dtype)


def mel_filters(bands: int, size: int, rate: int, low: float, high: float) -> np.ndarray:
    """Triangles of equal width in mel, each with the peak 1 in Hz, over the bins of a transform.

    Shapes: -> (size // 2 + 1, bands).
    Source: the HTK book, section 5.6
    """
    edges = np.linspace(_mel(low), _mel(high), bands + 2)
    edges = HZ_OF_BEND * (10 ** (edges / MELS_AT_1_HZ) - 1)
    bins = np.linspace(0, rate / 2, size // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling))


def _mel(hertz: float) -> float:
    return MELS_AT_1_HZ * math.log10(1 + hertz / HZ_OF_BEND)
