"""Sounds as a page plays them, with their spectrograms, and what is measured of them."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from lepton.audio.measures import measure_sounds
from lepton.audio.sound_reader import SoundReader
from lepton.audio.spectrogram import spectrogram_png
from lepton.dataset.inputs.decoded import namer
from lepton.dataset.inputs.measured import MeasuredColumn
from lepton.dataset.inputs.picture import Picture
from lepton.dataset.inputs.shown import Rows, ShownInputs
from lepton.dataset.inputs.shown_tensors import shown_sound_row
from lepton.dataset.inputs.sound import Sound, wav
from lepton.spec import DataSpec

SHOWN_RATE, SHOWN_SECONDS = 16_000, 10  # of a sound that a page plays; the first if none is known


class SoundRows(ShownInputs):
    """The part of a kind of sounds by which a person sees and hears rows of a batch."""

    def shown_tensors(self, row: Rows, spec: DataSpec) -> dict[str, Any]:
        return shown_sound_row(row, spec.inputs["audio"]["rate"])


def shown_sound(sound: Any, name: str, reader: SoundReader | None, max_seconds: float) -> Sound:
    """A path, content or array as what a page plays, and a picture of it.

    Raises: LeptonError that says what is wrong with it.
    """
    reader = reader or _reader(max_seconds)
    samples, head = reader.read(sound)
    words = f"{name}, {head.samples / head.rate:.3g} s"
    picture = Picture(words, spectrogram_png(samples, reader.rate), media_type="image/png")
    content = wav(samples[: round(SHOWN_SECONDS * reader.rate)], reader.rate)
    return Sound(words, content, media_type="audio/wav", picture=picture)


def measured_sounds(
    column: pd.Series, reader: SoundReader | None, max_seconds: float
) -> Iterator[MeasuredColumn]:
    """Yields seconds and loudness of the sounds of a column."""
    reader = reader or _reader(max_seconds)
    for name, values in measure_sounds(column.to_numpy(object), namer(column), reader).items():
        yield MeasuredColumn(f"{name} of {column.name}", "number", pd.Series(values), False)


def _reader(max_seconds: float) -> SoundReader:
    return SoundReader(SHOWN_RATE, None, "own", max_seconds)
