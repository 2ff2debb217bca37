"""Spectra of all sounds of a data set: computed once by batch and kept, or whenever asked for."""

from collections.abc import Iterable, Iterator
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
FIT_ROWS = 256  # whose spectra are in memory at a time
LEAST_FRAMES = 64  # computed at once: of fewer rows a product of matrices adds in another order


@dataclass(frozen=True)
class KeptSpectra:
    """Frames of all sounds, one sound behind the other. Shapes: frames (total, bands) float32;
    starts (N + 1,)."""

    frames: np.ndarray
    starts: np.ndarray

    @property
    def bands(self) -> int:
        """The numbers of a frame."""
        return self.frames.shape[1]

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """The frames of each of these sounds. Shapes: rows (N,) -> (N,)."""
        return self.starts[rows + 1] - self.starts[rows]

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Spectra of some sounds. Shapes: rows (N,) -> (N, longest, bands)."""
        return take_rows(self.frames, self.starts, rows)


@dataclass(frozen=True)
class SpectraOfFiles:
    """Frames of sounds that are not kept, as KeptSpectra has them."""

    sounds: DecodedSounds
    module: LogMelSpectrum

    @property
    def bands(self) -> int:
        """The numbers of a frame."""
        return self.module.bands

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """The frames of each of these sounds. Shapes: rows (N,) -> (N,)."""
        return frames_of(self.module, self.sounds.lengths(rows))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Spectra of some sounds. Shapes: rows (N,) -> (N, longest, bands)."""
        return padded_spectra(self.module, self.sounds.take(rows), self.sounds.lengths(rows))


def spectra_of_all(sounds: DecodedSounds, spectrum: LogMel) -> KeptSpectra | SpectraOfFiles:
    """The spectra of decoded sounds, from the cache where they were computed before; of sounds that
    are not kept whenever they are asked for.

    Raises: ConfigError for a spectrum that the rate does not allow; LeptonError when the cache's
        folder cannot be written.
    """
    module, cache = spectrum.at(sounds.reader.rate), ArrayCache("spectra")
    if sounds.files is not None:
        return SpectraOfFiles(sounds, module)
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


def frames_in_order(
    spectra: KeptSpectra | SpectraOfFiles, rows: np.ndarray
) -> Iterator[np.ndarray]:
    """Yields the frames of some sounds, one after the other. Shapes: rows (N,); (frames, bands)."""
    for some in np.split(rows, range(FIT_ROWS, len(rows), FIT_ROWS)):
        lengths = spectra.lengths(some)
        for frames, length in zip(spectra.take(some), lengths, strict=True):
            yield frames[:length]


def computed_frames(
    module: LogMelSpectrum, sounds: DecodedSounds, rows: np.ndarray
) -> Iterator[np.ndarray]:
    """Yields the frames of some sounds, the shortest first. Shapes: rows (N,); (frames, bands)."""
    lengths = sounds.lengths(rows)
    for some in row_batches(lengths):
        spectra = spectra_of(module, sounds.take(rows[some]))
        for frames, count in zip(spectra, frames_of(module, lengths[some]), strict=True):
            yield frames[:count]


def spectrum_statistics(frames_of_sounds: Iterable[np.ndarray]) -> list[float]:
    """Mean and deviation of all frames; a deviation of 0 counts as 1."""
    total = np.zeros(3)  # numbers, their sum and their sum of squares
    for frames in frames_of_sounds:
        values = frames.astype(np.float64)
        total += values.size, values.sum(), (values**2).sum()
    mean = float(total[1] / total[0])
    return [mean, float(max(0, total[2] / total[0] - mean**2) ** 0.5) or 1.0]


def padded_spectra(module: LogMelSpectrum, audio: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The spectra of sounds of these lengths, zeros behind their own frames.

    Shapes: audio (N, samples) int16; lengths (N,) -> (N, longest, bands) float32.
    """
    frames = frames_of(module, lengths)
    spectra = np.zeros((len(audio), int(frames.max(initial=1)), module.bands), np.float32)
    least = module.window + LEAST_FRAMES * module.hop
    for some in row_batches(lengths):
        width = int(lengths[some].max())
        waves = np.pad(audio[some, :width], ((0, 0), (0, max(0, least - width))))
        for row, computed in zip(some, spectra_of(module, waves), strict=True):
            spectra[row, : frames[row]] = computed[: frames[row]]
    return spectra


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
