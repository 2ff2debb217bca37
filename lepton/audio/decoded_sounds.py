"""Sounds of a data set as one array: decoded once, and kept in the cache."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from lepton.audio.decoding import Sound, SoundHead, look
from lepton.audio.sound_reader import Length, SoundReader
from lepton.audio.sound_survey import SoundSurvey
from lepton.errors import DataError
from lepton.storage.array_cache import ArrayCache, ArrayEntry
from lepton.storage.cache import cache_key
from lepton.storage.environment import package_versions
from lepton.storage.fingerprint import fingerprint
from lepton.storage.scratch import scratch_file
from lepton.storage.threads import in_threads

FORMAT = 1  # of an entry of the cache; raised when the same sounds would become other samples
PACKAGES = ("lepton-experiments", "soundfile", "soxr")
KEY_BYTES = 16
SAMPLE = np.dtype(np.int16)


@dataclass(frozen=True)
class SoundShape:
    """What sounds are to become; the rate None where the sounds decide.

    Units: as of SoundReader.
    """

    rate: int | None
    seconds: float | None
    length: Length
    max_seconds: float


@dataclass(frozen=True)
class DecodedSounds:
    """The samples of all sounds, one behind the other, and what is wrong with those that have none.

    Shapes: samples (total,) int16; starts (N + 1,), of each sound and the end; keys (N,) bytes, the
        same for equal samples. `key` names all of it.
    """

    samples: np.ndarray
    starts: np.ndarray
    keys: np.ndarray
    errors: dict[int, str]
    reader: SoundReader
    survey: SoundSurvey
    key: str

    def remarks(self) -> list[tuple[str, int]]:
        """What became of sounds that are not as they are asked for, and how many these are."""
        return self.survey.remarks(self.reader.rate, self.reader.seconds)

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """The samples of each of these sounds. Shapes: rows (N,) -> (N,)."""
        return self.starts[rows + 1] - self.starts[rows]

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Some sounds, with zeros behind the shorter ones. Shapes: rows (N,) -> (N, longest)."""
        return take_rows(self.samples, self.starts, rows)


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
    sounds: Sequence[Sound], shape: SoundShape, name: Callable[[int], str]
) -> DecodedSounds:
    """The samples of sounds, from the cache where they were decoded before.

    Raises: DataError when the rates of sounds differ, and no rate is given; LeptonError when the
        cache's folder cannot be written, or a package is missing.
    """
    cache, contents = ArrayCache("sounds"), hashlib.sha256()
    for sound in sounds:
        contents.update(_fingerprint(sound))
    key = cache_key(asdict(shape), contents.hexdigest(), FORMAT, package_versions(PACKAGES))
    entry = cache.open(key[:16], key[16:])
    if entry is None:
        with cache.writing(key[:16], key[16:]) as entry:
            _decode_into(entry, sounds, shape, name)
    facts = entry.facts
    return DecodedSounds(
        samples=entry.read("samples"),
        starts=np.array(entry.read("starts")),
        keys=np.array(entry.read("keys")),
        errors={int(row): error for row, error in facts["errors"].items()},
        reader=SoundReader(**facts["reader"]),
        survey=SoundSurvey.of_facts(facts["survey"]),
        key=key,
    )


def _decode_into(
    entry: ArrayEntry, sounds: Sequence[Sound], shape: SoundShape, name: Callable[[int], str]
) -> None:
    rate = shape.rate or _common_rate(sounds, shape, name)
    reader = SoundReader(rate, shape.seconds, shape.length, shape.max_seconds)
    survey, errors, lengths, keys = SoundSurvey(), {}, [], []
    with scratch_file() as (file, _):
        for row, decoded in enumerate(in_threads(reader.read, sounds, name)):
            samples = np.empty(0, SAMPLE)
            if isinstance(decoded, DataError):
                errors[row] = str(decoded)
            else:
                samples, head = decoded
                survey.add(head, name(row))
                _count_changes(survey, reader, head, samples)
            file.write(samples.data)
            lengths.append(len(samples))
            keys.append(hashlib.blake2b(samples.data, digest_size=KEY_BYTES).digest())
        file.seek(0)
        array = entry.make("samples", (sum(lengths),), SAMPLE)
        if array.nbytes:
            file.readinto(memoryview(array).cast("B"))  # type: ignore[attr-defined]
    starts = entry.make("starts", (len(sounds) + 1,), np.int64)
    starts[:] = np.cumsum([0, *lengths])
    entry.make("keys", (len(sounds),), f"S{KEY_BYTES}")[:] = keys
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


def _fingerprint(sound: Sound) -> bytes:
    if isinstance(sound, dict) and sound.get("array") is not None:
        rate: Any = sound.get("sampling_rate")
        return f"{rate} ".encode() + fingerprint(np.asarray(sound["array"]))
    return fingerprint(sound)
