"""Decodes a sound, of a file, its bytes or an array, to one channel of 16 bits at one rate."""

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from lepton.compat.optional import import_optional
from lepton.errors import DataError
from lepton.storage.file_cell import content_of

Sound = Any  # a path, the bytes of a file, a dict of both or of an array and its rate, or an array
AUDIO_ENDINGS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".w64")
LEVELS = 1 << 15  # of 16 bits on one side of silence
MAX_CHANNELS, MAX_RATE = 64, 1_000_000  # of what is a sound; Hz
BLOCK_SAMPLES = 1 << 20  # of all channels, that are decoded at a time
MARGIN = 0.1  # seconds behind the cut that resampling sees
NEEDED_BY = "a data set of sounds"
OPENING = threading.Lock()  # libsndfile says in one place for all threads why none was opened
SHORT_DATA = re.compile(r"^\s*data\s*:\s*(\d+)\s*\(should be (\d+)\)", re.MULTILINE)
UNKNOWN_SIZE = 0x7FFFF000  # from which a WAV's header says that its writer did not know


@dataclass(frozen=True)
class SoundHead:
    """What a sound is before it is decoded. Units: rate samples a second; samples of a channel."""

    rate: int
    channels: int
    samples: int
    clipped: int = 0  # of those that are heard, beyond -1 to 1: only decoding tells


def look(sound: Sound, *, rate: int | None, max_seconds: float) -> SoundHead:
    """The head of a sound; `rate` is that of arrays which come without one.

    Raises: DataError, as `decode`; that a file is damaged may show only when it is decoded.
    """
    with explained(), _opened(sound, rate) as source:
        return _checked(source, max_seconds)


def decode(
    sound: Sound, *, rate: int, seconds: float | None, max_seconds: float
) -> tuple[np.ndarray, SoundHead]:
    """The samples of a sound, of all channels their mean, and the head of what it was.

    `seconds`: what comes behind is cut.
    Shapes: -> (samples,) int16.
    Raises: DataError that says what is wrong with it, but not which it is.
    """
    with explained(), _opened(sound, rate) as source:
        head = _checked(source, max_seconds)
        wanted = head.samples
        if seconds is not None:
            wanted = min(wanted, round((seconds + MARGIN) * head.rate))
        samples = _mean_of_channels(source, wanted, head.channels)
    if len(samples) < wanted:
        raise DataError(f"is truncated: {len(samples)} of its {head.samples} samples are there")
    if not np.isfinite(samples).all():
        raise DataError("holds samples that are no numbers")
    heard = None if seconds is None else round(seconds * head.rate)
    head = replace(head, clipped=int((np.abs(samples[:heard]) > 1).sum()))
    if head.rate != rate:
        samples = resampled(samples, head.rate, rate)
    if seconds is not None:
        samples = samples[: round(seconds * rate)]
    if not len(samples):
        raise DataError("has no samples")
    levels = np.clip(np.rint(samples * LEVELS), -LEVELS, LEVELS - 1)
    return levels.astype(np.int16), head


def resampled(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Samples at another rate, without what the lower rate cannot hold. Shapes: (N,) float32.

    Raises: LeptonError without the package soxr, which says how to install it.
    """
    soxr = import_optional("soxr", needed_by=f"resampling {from_rate} to {to_rate} Hz")
    return soxr.resample(samples, from_rate, to_rate, quality="HQ")


def soundfile() -> ModuleType:
    """The package that reads files of sounds.

    Raises: LeptonError that says how to install it.
    """
    return import_optional("soundfile", needed_by=NEEDED_BY)


class _Array:
    """An array of samples that is read as a file is."""

    extra_info = ""

    def __init__(self, samples: np.ndarray, rate: int | None):
        if rate is None:
            raise DataError("is an array without a rate; dataset.rate says at which it was taken")
        if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > MAX_CHANNELS):
            raise DataError(
                f"an array of shape {samples.shape} is no sound; (samples,) or (samples, channels) "
                "is"
            )
        if samples.dtype.kind not in "if":
            raise DataError(f"an array of {samples.dtype} is no sound; int16 or floats are right")
        scaled = samples.astype(np.float32)
        if samples.dtype.kind == "i":
            scaled /= -float(np.iinfo(samples.dtype).min)
        elif samples.size and np.abs(scaled).max() > 1:
            raise DataError("its floats go beyond -1 to 1; int16 or floats from -1 to 1 are right")
        self.values = scaled[:, None] if scaled.ndim == 1 else scaled
        self.samplerate, self.frames = int(rate), len(scaled)
        self.channels = max(1, self.values.shape[1])

    def read(self, frames: int, dtype: str, always_2d: bool) -> np.ndarray:
        block, self.values = self.values[:frames], self.values[frames:]
        return block


@contextmanager
def _opened(sound: Sound, rate: int | None) -> Iterator[Any]:
    """The sound with the properties and the `read` of a SoundFile."""
    if isinstance(sound, dict) and sound.get("array") is not None:  # as datasets keeps them
        sound, rate = np.asarray(sound["array"]), sound.get("sampling_rate") or rate
    if isinstance(sound, np.ndarray):
        yield _Array(sound, rate)
        return
    content = content_of(sound, "sound")
    in_memory = isinstance(content, bytes | bytearray)
    with OPENING:
        file = soundfile().SoundFile(io.BytesIO(content) if in_memory else content)
    with file:
        yield file


def _checked(source: Any, max_seconds: float) -> SoundHead:
    head = SoundHead(source.samplerate, source.channels, source.frames)
    if head.samples < 1:
        raise DataError("has no samples")
    if not 1 <= head.rate <= MAX_RATE or head.channels > MAX_CHANNELS:
        raise DataError(f"{head.channels} channels at {head.rate} Hz are no sound")
    if head.samples > max_seconds * head.rate:
        length = f"{head.samples / head.rate:.4g} s"
        raise DataError(f"{length} are more than dataset.max_seconds={max_seconds:g}")
    if (short := SHORT_DATA.search(source.extra_info)) and int(short[1]) < UNKNOWN_SIZE:
        raise DataError(f"is truncated: {short[2]} of its {short[1]} bytes are there")
    return head


def _mean_of_channels(source: Any, wanted: int, channels: int) -> np.ndarray:
    """The first samples, decoded block by block, so that many channels take no more memory."""
    blocks, left = [], wanted
    while left > 0:
        size = min(left, max(1, BLOCK_SAMPLES // channels))
        block = source.read(size, dtype="float32", always_2d=True)
        if not len(block):
            break
        blocks.append(block[:, 0] if channels == 1 else block.mean(1))
        left -= len(block)
    return np.concatenate(blocks) if blocks else np.empty(0, np.float32)


@contextmanager
def explained() -> Iterator[None]:
    """Turns what soundfile raises for damaged files into a DataError."""
    errors: tuple[type[Exception], ...] = (OSError, ValueError, TypeError, RuntimeError)
    try:
        yield
    except DataError:
        raise
    except errors as e:  # SoundFileError is a RuntimeError
        reason = " ".join(str(getattr(e, "error_string", e)).split()) or type(e).__name__
        if "not recognised" in reason or "unimplemented" in reason:
            raise DataError("no sound that can be read (empty, or of another kind)") from None
        raise DataError(f"cannot be decoded ({reason})") from e
