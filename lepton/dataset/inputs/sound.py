"""Sound: what a kind of inputs shows of something to be heard."""

import io
import wave
from typing import Self

import numpy as np

from lepton.dataset.inputs.picture import Media, Picture


class Sound(Media):
    """A sound that a page plays, and perhaps a picture of it, as its spectrogram."""

    picture: Picture | None

    def __new__(
        cls, alt: str, content: bytes, *, media_type: str, picture: Picture | None = None
    ) -> Self:
        sound = super().__new__(cls, alt, content, media_type=media_type)
        sound.picture = picture
        return sound


def wav(samples: np.ndarray, rate: int) -> bytes:
    """A WAV file of one channel.

    Shapes: samples (n,) int16.
    Units: rate in samples a second.
    """
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return content.getvalue()
