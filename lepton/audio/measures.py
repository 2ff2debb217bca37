"""What is measured of sounds for a profile of a data set: how long and how loud they are."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from lepton.audio.decoding import LEVELS, Sound
from lepton.audio.sound_reader import SoundReader
from lepton.errors import DataError
from lepton.storage.threads import in_threads


def measure_sounds(
    sounds: Sequence[Sound], name: Callable[[int], str], reader: SoundReader
) -> dict[str, np.ndarray]:
    """Seconds and loudness of each, NaN where it cannot be read. Shapes: (n,).

    Seconds are of the file, also where the reader cuts it or adds silence; loudness is the root
    mean square of what the reader makes of it, from 0, silence, to 1.
    """
    unread = (np.nan, np.nan)
    rows = [
        unread if isinstance(measured, DataError) else measured
        for measured in in_threads(partial(_measure, reader=reader), sounds, name)
    ]
    values = np.array(rows, dtype=float).reshape(-1, 2)
    return dict(zip(("seconds", "loudness"), values.T, strict=True))


def _measure(sound: Sound, *, reader: SoundReader) -> tuple[float, float]:
    samples, head = reader.read(sound)
    loudness = np.sqrt((samples.astype(float) ** 2).mean()) / LEVELS
    return head.samples / head.rate, float(loudness)
