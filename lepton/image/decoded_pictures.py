"""Pictures of a data set as one array: decoded once, and kept in the cache."""

import hashlib
import mmap
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from lepton.errors import DataError
from lepton.image.decoding import MODES, Picture
from lepton.image.picture_reader import Fit, PictureReader, in_threads
from lepton.image.survey import PictureSurvey, survey_pictures
from lepton.storage.array_cache import ArrayCache, ArrayEntry
from lepton.storage.cache import cache_key
from lepton.storage.environment import package_versions
from lepton.storage.fingerprint import fingerprint

FORMAT = 1  # of an entry of the cache; raised when the same pictures would become other pixels
PACKAGES = ("lepton-experiments", "pillow")
KEY_BYTES = 16
BLOCK_ROWS = 4096  # of pixels that are copied at a time
BYTE = np.dtype(np.uint8)


@dataclass(frozen=True)
class PictureShape:
    """What pictures are to become; None where the pictures decide.

    Units: height and width of what comes out; max_pixels of a file.
    """

    size: tuple[int, int] | None
    channels: int | None
    fit: Fit
    max_pixels: int

    def reader(self, survey: PictureSurvey) -> PictureReader:
        """What makes pictures that were looked at arrays of one shape."""
        height, width = self.size or survey.only_size()
        channels = self.channels or survey.least_channels()
        return PictureReader(height, width, channels, self.fit, self.max_pixels)


@dataclass(frozen=True)
class DecodedPictures:
    """The pixels of all pictures, and for those that could not be decoded what is wrong.

    Shapes: pixels (N, channels, height, width) uint8, 0 where there is an error; keys (N,) bytes,
        the same for equal pixels.
    """

    pixels: np.ndarray
    keys: np.ndarray
    errors: dict[int, str]
    reader: PictureReader
    survey: PictureSurvey

    def remarks(self) -> list[tuple[str, int]]:
        """What became of pictures that are not as they are asked for, and how many these are."""
        return self.survey.remarks(self.reader)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The pixels of some rows, in memory. Shapes: rows (N,)."""
        taken = np.empty((len(rows), *self.pixels.shape[1:]), np.uint8)
        for start in range(0, len(rows), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            taken[block] = self.pixels[rows[block]]
            if isinstance(mapped := getattr(self.pixels, "_mmap", None), mmap.mmap):
                mapped.madvise(mmap.MADV_DONTNEED)  # else what was read counts twice
        return taken


def decode_all(
    pictures: Sequence[Picture], shape: PictureShape, name: Callable[[int], str]
) -> DecodedPictures:
    """The pixels of pictures, from the cache where they were decoded before.

    Raises: DataError when the sizes of pictures differ, and no size is given; LeptonError when the
        cache's folder cannot be written.
    """
    if plain := _plain_pixels(pictures, shape):
        return plain
    cache, contents = ArrayCache("pictures"), hashlib.sha256()
    for picture in pictures:
        contents.update(fingerprint(picture))
    key = cache_key(asdict(shape), contents.hexdigest(), FORMAT, package_versions(PACKAGES))
    entry = cache.open(key[:16], key[16:])
    if entry is None:
        with cache.writing(key[:16], key[16:]) as entry:
            _decode_into(entry, pictures, shape, name)
    facts = entry.facts
    return DecodedPictures(
        entry.read("pixels"),
        np.array(entry.read("keys")),
        {int(row): error for row, error in facts["errors"].items()},
        PictureReader(**facts["reader"]),
        PictureSurvey.of_facts(facts["survey"]),
    )


def _decode_into(
    entry: ArrayEntry, pictures: Sequence[Picture], shape: PictureShape, name: Callable[[int], str]
) -> None:
    survey = survey_pictures(pictures, name, max_pixels=shape.max_pixels)
    reader = shape.reader(survey)
    one = (reader.channels, reader.height, reader.width)
    pixels, errors = entry.make("pixels", (len(pictures), *one), np.uint8), {}
    keys = entry.make("keys", (len(pictures),), f"S{KEY_BYTES}")
    for row, decoded in enumerate(in_threads(reader.read, pictures, name)):
        if isinstance(decoded, DataError):
            errors[row] = str(decoded)
            continue
        pixels[row] = decoded
        keys[row] = pixel_key(decoded)
    entry.facts = {"errors": errors, "reader": asdict(reader), "survey": survey.facts()}


def _plain_pixels(pictures: Sequence[Picture], shape: PictureShape) -> DecodedPictures | None:
    """Arrays of bytes that all have the shape that is wanted, as they are."""
    seen = {(getattr(p, "shape", ()), getattr(p, "dtype", None)) for p in pictures}
    (sides, dtype), *others = seen
    if others or dtype != BYTE or len(sides) not in (2, 3) or not all(sides):
        return None
    height, width, channels = (*sides, 1)[:3]
    if shape.size not in (None, (height, width)) or shape.channels not in (None, channels):
        return None
    if channels not in MODES:
        return None
    reader = PictureReader(height, width, channels, shape.fit, shape.max_pixels)
    pixels = np.stack([*pictures]).reshape(len(pictures), height, width, channels)
    pixels = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    keys = np.array([pixel_key(row) for row in pixels], dtype=f"S{KEY_BYTES}")
    count = len(pictures)
    survey = PictureSurvey(Counter({(height, width): count}), Counter({channels: count}))
    return DecodedPictures(pixels, keys, {}, reader, survey)


def pixel_key(pixels: np.ndarray) -> bytes:
    """Bytes that are the same for equal pixels of one shape."""
    return hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=KEY_BYTES).digest()
