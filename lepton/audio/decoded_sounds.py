"""Sounds of a data set as one array: decoded once, and kept in the cache."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from lepton.audio.decoding import MAX_RATE, Sound, SoundHead, look
from lepton.audio.sound_reader import Length, SoundReader
from lepton.audio.sound_survey import SoundSurvey
from lepton.errors import ConfigError, DataError
from lepton.storage.array_cache import ArrayEntry
from lepton.storage.decoded_cache import (
    DecodedCache,
    FilesToDecode,
    content_key,
    errors_of,
    make_keys,
    without_errors,
)
from lepton.storage.scratch import scratch_file
from lepton.storage.threads import in_threads

CACHE = DecodedCache("sounds", 2, ("lepton-experiments", "soundfile", "soxr"))
SAMPLE = np.dtype(np.int16)


@dataclass(frozen=True)
class SoundShape:
    """What sounds are to become; the rate None where the sounds decide.

    Units: as of SoundReader.
    Raises: ConfigError for what no sound can become.
    """

    rate: int | None
    seconds: float | None
    length: Length
    max_seconds: float

    def __post_init__(self) -> None:
        if self.rate is not None and self.rate > MAX_RATE:
            raise ConfigError(f"dataset.rate={self.rate}: above {MAX_RATE} Hz, which are no sound")
        if self.length == "own":
            return
        if self.seconds is None:
            raise ConfigError("dataset.length=fixed: needs dataset.seconds, the length of all")
        if self.seconds > self.max_seconds:
            raise ConfigError(
                f"dataset.seconds={self.seconds:g}: with dataset.length=fixed all are as long, and "
                f"dataset.max_seconds={self.max_seconds:g} allows less"
            )

    @property
    def file_bytes(self) -> int | None:
        """The bytes that a sound becomes at most; None where the sounds decide."""
        if self.seconds is None or self.rate is None:
            return None
        return round(self.rate * self.seconds) * SAMPLE.itemsize


@dataclass(frozen=True)
class DecodedSounds:
    """The samples of all sounds, one behind the other, and what is wrong with those that have none.

    `files`: what decodes them when they are asked for, where no samples are kept.
    Shapes: samples (total,) int16, or (0,) where none are kept; starts (N + 1,), of each sound and
        the end; keys (N,) bytes, the same for equal samples. `key` names all of it.
    """

    samples: np.ndarray
    starts: np.ndarray
    keys: np.ndarray
    errors: dict[int, str]
    reader: SoundReader
    survey: SoundSurvey
    key: str
    files: FilesToDecode | None = None

    def remarks(self) -> list[tuple[str, int]]:
        """What became of sounds that are not as they are asked for, and how many these are."""
        return self.survey.remarks(self.reader.rate, self.reader.seconds)

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """The samples of each of these sounds. Shapes: rows (N,) -> (N,)."""
        return self.starts[rows + 1] - self.starts[rows]

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Some sounds, with zeros behind the shorter ones. Shapes: rows (N,) -> (N, longest)."""
        if self.files is None:
            return take_rows(self.samples, self.starts, rows)
        taken = np.zeros((len(rows), int(self.lengths(rows).max(initial=0))), SAMPLE)
        for place, samples in enumerate(self.files.take(rows)):
            taken[place, : len(samples)] = samples
        return taken


def take_rows(values: np.ndarray, starts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows of unequal length that lie one behind the other, with zeros behind the shorter ones.

    Shapes: values (total, ...); starts (all rows + 1,); rows (N,) -> (N, longest, ...).
    """
    longest = int((starts[rows + 1] - starts[rows]).max(initial=0))
    taken = np.zeros((len(rows), longest, *values.shape[1:]), values.dtype)
    for place, row in enumerate(rows):
        start, end = starts[row], starts[row + 1]
        taken[place, : end - start] = values[start:end]
    return taken


def decode_all(
    sounds: Sequence[Sound],
    shape: SoundShape,
    name: Callable[[int], str],
    *,
    threads: int | None = None,
) -> DecodedSounds:
    """The samples of sounds, from the cache where they were decoded before.

    `threads`: how many decode them anew whenever they are asked for; None: they are kept.
    Raises: DataError when the rates of sounds differ, and no rate is given; LeptonError when the
        cache's folder cannot be written, or a package is missing.
    """
    keeps = threads is None
    decode_into = partial(_decode_into, sounds, shape, name, keeps)
    entry, key = CACHE.entry(sounds, shape, decode_into, keeps=keeps)
    facts, keys = entry.facts, np.array(entry.read("keys"))
    reader = SoundReader(**facts["reader"])
    return DecodedSounds(
        samples=entry.read("samples"),
        starts=np.array(entry.read("starts")),
        keys=keys,
        errors=errors_of(entry),
        reader=reader,
        survey=SoundSurvey.of_facts(facts["survey"]),
        key=key,
        files=None
        if threads is None
        else FilesToDecode(sounds, keys, name, lambda sound: reader.read(sound)[0], threads),
    )


def _decode_into(
    sounds: Sequence[Sound],
    shape: SoundShape,
    name: Callable[[int], str],
    keeps: bool,
    entry: ArrayEntry,
) -> None:
    rate = shape.rate or _common_rate(sounds, shape, name)
    reader = SoundReader(rate, shape.seconds, shape.length, shape.max_seconds)
    keys, lengths = make_keys(entry, len(sounds)), np.zeros(len(sounds), np.int64)
    keys[:] = content_key(np.empty(0, SAMPLE))
    survey, errors = SoundSurvey(), {}
    with scratch_file() as (file, _):
        decoded = in_threads(reader.read, sounds, name)
        for row, (samples, head) in without_errors(decoded, errors):
            survey.add(head, name(row))
            _count_changes(survey, reader, head, samples)
            if keeps:
                file.write(samples.data)
            lengths[row], keys[row] = len(samples), content_key(samples)
        file.seek(0)
        array = entry.make("samples", (int(lengths.sum()) * keeps,), SAMPLE)
        if array.nbytes:
            file.readinto(memoryview(array).cast("B"))  # type: ignore[attr-defined]
    starts = entry.make("starts", (len(sounds) + 1,), np.int64)
    starts[0] = 0
    np.cumsum(lengths, out=starts[1:])
    entry.facts = {"errors": errors, "reader": asdict(reader), "survey": survey.facts()}


def _common_rate(sounds: Sequence[Sound], shape: SoundShape, name: Callable[[int], str]) -> int:
    """The rate that all sounds have. Raises: DataError when they differ."""
    survey = SoundSurvey()
    work = partial(look, rate=None, max_seconds=shape.max_seconds)
    for row, head in enumerate(in_threads(work, sounds, name)):
        if not isinstance(head, DataError):
            survey.add(head, name(row))
    return survey.only_rate()


def _count_changes(
    survey: SoundSurvey, reader: SoundReader, head: SoundHead, samples: np.ndarray
) -> None:
    length = head.samples / head.rate
    survey.silent += not samples.any()
    if reader.seconds is not None:
        survey.cut += length > reader.seconds
        survey.padded += reader.length == "fixed" and length < reader.seconds
