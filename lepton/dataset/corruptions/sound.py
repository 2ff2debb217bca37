"""What goes wrong with sounds: white noise, clipping, bands that a line does not carry."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from lepton.audio.decoding import LEVELS
from lepton.dataset.corruptions.corruptions import Change, Corruptions, by_name
from lepton.dataset.inputs.kind import Rows

NOISE_RATIO = (30.0, 20.0, 10.0, 5.0, 0.0)  # decibels of the sound's power over the noise's
CLIPPED_AT = (0.5, 0.3, 0.2, 0.1, 0.05)  # of the loudest sample
LOW_PASS = (0.5, 0.35, 0.25, 0.15, 0.1)  # of the frequencies, the lowest, that are left
HIGH_PASS = (0.01, 0.02, 0.05, 0.1, 0.2)  # of the frequencies, the lowest, that are lost


def white_noise(x: np.ndarray, severity: int, generator: np.random.Generator) -> np.ndarray:
    """Adds white noise by the power of the sound. Shapes: x (samples,), as of all of these."""
    loudness = np.sqrt(np.square(x).mean())
    noise = generator.normal(size=len(x))
    return x + loudness * 10 ** (-NOISE_RATIO[severity - 1] / 20) * noise


def clipping(x: np.ndarray, severity: int, generator: np.random.Generator) -> np.ndarray:
    """Cuts samples that are louder than a share of the loudest."""
    most = CLIPPED_AT[severity - 1] * np.abs(x).max(initial=0)
    return x.clip(-most, most)


def low_pass(x: np.ndarray, severity: int, generator: np.random.Generator) -> np.ndarray:
    """Loses high frequencies."""
    return _with_bands(x, lambda share: share <= LOW_PASS[severity - 1])


def high_pass(x: np.ndarray, severity: int, generator: np.random.Generator) -> np.ndarray:
    """Loses low frequencies."""
    return _with_bands(x, lambda share: share >= HIGH_PASS[severity - 1])


class SoundCorruptions(Corruptions):
    """Corrupts waveforms at the model's rate, and makes spectra of them anew."""

    functions = by_name(white_noise, clipping, low_pass, high_pass)

    def changed(self, change: Change, raw: pd.DataFrame, rows: Rows) -> Rows:
        [column], sounds = self.kind.own_columns, []
        for samples in self.kind.waveforms(raw[column]):
            changed = change(samples.astype(float)).round()
            sounds.append(changed.clip(-LEVELS, LEVELS - 1).astype(np.int16))
        return self.kind.rows_of(sounds)


def _with_bands(x: np.ndarray, is_left: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """A sound without the frequencies that are not left, which are shares of the highest."""
    spectrum = np.fft.rfft(x)
    return np.fft.irfft(spectrum * is_left(np.linspace(0, 1, len(spectrum))), len(x))
