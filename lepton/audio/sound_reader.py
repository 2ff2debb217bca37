"""SoundReader: makes sounds of any kind samples at one rate, of a bounded or a fixed length."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lepton.audio.decoding import Sound, SoundHead, decode

Length = Literal["own", "fixed"]


@dataclass(frozen=True)
class SoundReader:
    """The rate of what it makes of sounds, and how long it is.

    Units: rate samples a second; `seconds` of what comes out at most, with length=fixed always;
        `max_seconds` of a file.
    """

    rate: int
    seconds: float | None
    length: Length
    max_seconds: float

    def read(self, sound: Sound) -> tuple[np.ndarray, SoundHead]:
        """The samples of a sound, and the head of what it was.

        Shapes: -> (samples,) int16.
        Raises: DataError that says what is wrong with it, but not which it is.
        """
        samples, head = decode(
            sound, rate=self.rate, seconds=self.seconds, max_seconds=self.max_seconds
        )
        if self.length == "fixed" and self.seconds is not None:
            missing = round(self.seconds * self.rate) - len(samples)
            samples = np.pad(samples, (0, max(0, missing)))
        return samples, head


def padded_samples(sounds: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Sounds in rows, zeros behind the shorter ones, and how long each is.

    Shapes: -> (N, samples of the longest) int16 and (N,) int64.
    """
    lengths = np.array([len(samples) for samples in sounds], np.int64)
    audio = np.zeros((len(sounds), int(lengths.max(initial=1))), np.int16)
    for row, samples in zip(audio, sounds, strict=True):
        row[: len(samples)] = samples
    return audio, lengths
