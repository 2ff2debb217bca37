"""Spectra of all sounds of a data set: computed once by batch, and kept in the cache."""

from dataclasses import dataclass

import numpy as np
import torch

from lepton.audio.decoded_sounds import DecodedSounds, take_rows
from lepton.audio.log_mel import LogMel, LogMelSpectrum
from lepton.storage.array_cache import ArrayCache
from lepton.storage.cache import cache_key
from lepton.storage.environment import package_versions

FORMAT = 1  # of an entry of the cache; raised when the same sounds would get other spectra
PACKAGES = ("lepton-experiments", "torch")
BATCH_SAMPLES = 1 << 22  # padding included, that are in memory at a time


@dataclass(frozen=True)
class KeptSpectra:
    """Frames of all sounds, one sound behind the other. Shapes: frames (total, bands) float32;
    starts (N + 1,)."""

    frames: np.ndarray
    starts: np.ndarray

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """The frames of each of these sounds. Shapes: rows (N,) -> (N,)."""
        return self.starts[rows + 1] - self.starts[rows]

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Spectra of some sounds. Shapes: rows (N,) -> (N, longest, bands)."""
        return take_rows(self.frames, self.starts, rows)


def kept_spectra(sounds: DecodedSounds, spectrum: LogMel) -> KeptSpectra:
    """The spectra of decoded sounds, from the cache where they were computed before.

    Raises: ConfigError for a spectrum that the rate does not allow; LeptonError when the cache's
        folder cannot be written.
    """
    module, cache = spectrum.at(sounds.reader.rate), ArrayCache("spectra")
    settings = {name: value for name, value in vars(spectrum).items() if name != "keep"}
    key = cache_key(sounds.key, settings, FORMAT, package_versions(PACKAGES))
    entry = cache.open(key[:16], key[16:])
    if entry is None:
        rows = np.arange(len(sounds.starts) - 1)
        lengths = frames_of(module, sounds.lengths(rows))
        starts = np.cumsum([0, *lengths])
        with cache.writing(key[:16], key[16:]) as entry:
            entry.make("starts", starts.shape, np.int64)[:] = starts
            frames = entry.make("frames", (int(starts[-1]), module.bands), np.float32)
            for some in row_batches(sounds.lengths(rows)):
                spectra = spectra_of(module, sounds.take(some))
                for place, row in enumerate(some):
                    frames[starts[row] : starts[row + 1]] = spectra[place, : lengths[row]]
    return KeptSpectra(entry.read("frames"), np.array(entry.read("starts")))


def frames_of(module: LogMelSpectrum, samples: np.ndarray) -> np.ndarray:
    """How many frames sounds of so many samples have, none where they have no sample.

    Shapes: (N,) -> (N,).
    """
    frames = module.frames(torch.from_numpy(samples)).numpy()
    return np.where(samples > 0, frames, 0)


def spectra_of(module: LogMelSpectrum, samples: np.ndarray) -> np.ndarray:
    """Shapes: (B, samples) int16 -> (B, frames, bands)."""
    with torch.no_grad():
        return module(torch.from_numpy(samples)).numpy()


def row_batches(lengths: np.ndarray) -> list[np.ndarray]:
    """All rows in batches of like length, shortest first. Shapes: lengths (N,)."""
    order = np.argsort(lengths, kind="stable")
    batches, start = [], 0
    while start < len(order):
        sizes = lengths[order[start:]] * np.arange(1, len(order) - start + 1)
        count = max(1, int((sizes <= BATCH_SAMPLES).sum()))
        batches.append(order[start : start + count])
        start += count
    return batches
