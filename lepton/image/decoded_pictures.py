"""Pictures of a data set as one array: decoded once, and kept in the cache."""

import hashlib
import math
import mmap
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from lepton.image.decoding import MODES, Picture, silent_pillow
from lepton.image.picture_reader import COLOURS, Fit, PictureReader, in_threads
from lepton.image.survey import PictureSurvey, survey_pictures
from lepton.storage.array_cache import ArrayEntry
from lepton.storage.cache import cache_key
from lepton.storage.decoded_cache import (
    KEY_BYTES,
    DecodedCache,
    FilesToDecode,
    content_key,
    errors_of,
    make_keys,
    without_errors,
)

CACHE = DecodedCache("pictures", 1, ("lepton-experiments", "pillow"))
BLOCK_ROWS = 4096  # of pixels that are copied at a time
BYTE = np.dtype(np.uint8)


class PixelReader(Protocol):
    """A dataclass that makes the file of a row pixels of one shape; `picture` a picture of it."""

    @property
    def picture(self) -> PictureReader: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    def read(self, file: Any, /) -> np.ndarray:
        """The pixels. Raises: DataError that says what is wrong with it, but not which it is."""
        ...


class PixelShape(Protocol):
    """A dataclass of what files are to become."""

    def survey(self, files: Sequence[Any], name: Callable[[int], str]) -> PictureSurvey:
        """The sizes of files, as their heads say."""
        ...

    def reader(self, survey: PictureSurvey) -> PixelReader:
        """What makes files that were looked at arrays of one shape."""
        ...


@dataclass(frozen=True)
class PictureShape:
    """What pictures are to become; None where the pictures decide.

    Units: height and width of what comes out; max_pixels of a file.
    """

    size: tuple[int, int] | None
    channels: int | None
    fit: Fit
    max_pixels: int

    @property
    def file_bytes(self) -> int | None:
        """The bytes that a picture becomes at most; None where the pictures decide."""
        return None if self.size is None else (self.channels or COLOURS) * math.prod(self.size)

    def survey(self, files: Sequence[Picture], name: Callable[[int], str]) -> PictureSurvey:
        return survey_pictures(files, name, max_pixels=self.max_pixels)

    def reader(self, survey: PictureSurvey) -> PictureReader:
        height, width = self.size or survey.only_size()
        channels = self.channels or survey.least_channels()
        return PictureReader(height, width, channels, self.fit, self.max_pixels)


@dataclass(frozen=True)
class DecodedPixels:
    """The pixels of all files, and for those that could not be decoded what is wrong.

    `files`: what decodes them when they are asked for, where no pixels are kept; `key` then names
    all of them.
    Shapes: pixels (N, *reader.shape) uint8, 0 where there is an error, or (0,) where none are kept;
        keys (N,) bytes, the same for equal pixels.
    """

    pixels: np.ndarray
    keys: np.ndarray
    errors: dict[int, str]
    reader: PixelReader
    survey: PictureSurvey
    plural: str = "images"
    files: FilesToDecode | None = None
    key: str = ""

    def remarks(self) -> list[tuple[str, int]]:
        """What became of files that are not as they are asked for, and how many these are."""
        remarks = self.survey.remarks(self.reader.picture)
        return [(words.replace("images", self.plural), count) for words, count in remarks]

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The pixels of some rows, in memory. Shapes: rows (N,)."""
        taken = np.empty((len(rows), *self.reader.shape), np.uint8)
        if self.files is not None:
            for place, pixels in enumerate(self.files.take(rows)):
                taken[place] = pixels
            return taken
        for start in range(0, len(rows), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            taken[block] = self.pixels[rows[block]]
            if isinstance(mapped := getattr(self.pixels, "_mmap", None), mmap.mmap):
                mapped.madvise(mmap.MADV_DONTNEED)  # else what was read counts twice
        return taken


def decode_all(
    pictures: Sequence[Picture],
    shape: PictureShape,
    name: Callable[[int], str],
    *,
    threads: int | None = None,
) -> DecodedPixels:
    """The pixels of pictures, from the cache where they were decoded before.

    `threads`: how many decode them anew whenever they are asked for; None: they are kept.
    Raises: DataError when the sizes of pictures differ, and no size is given; LeptonError when the
        cache's folder cannot be written.
    """
    if plain := _plain_pixels(pictures, shape, name, threads):
        return plain
    return decoded_pixels(CACHE, pictures, shape, name, lambda f: PictureReader(**f), threads)


def decoded_pixels(
    cache: DecodedCache,
    files: Sequence[Any],
    shape: Any,
    name: Callable[[int], str],
    reader_of: Callable[[dict[str, Any]], PixelReader],
    threads: int | None,
    plural: str = "images",
) -> DecodedPixels:
    """The pixels of files in a PixelShape, or what a cache tells of them, as `decode_all`.

    `reader_of` makes the reader of its facts again.
    """
    keeps = threads is None
    decode_into = partial(_decode_into, files, shape, name, keeps)
    entry, key = cache.entry(files, shape, decode_into, keeps=keeps)
    reader, keys = reader_of(entry.facts["reader"]), np.array(entry.read("keys"))
    return DecodedPixels(
        pixels=entry.read("pixels"),
        keys=keys,
        errors=errors_of(entry),
        reader=reader,
        survey=PictureSurvey.of_facts(entry.facts["survey"]),
        plural=plural,
        files=None
        if threads is None
        else FilesToDecode(files, keys, name, reader.read, threads, silent_pillow),
        key=key,
    )


def _decode_into(
    files: Sequence[Any],
    shape: PixelShape,
    name: Callable[[int], str],
    keeps: bool,
    entry: ArrayEntry,
) -> None:
    survey = shape.survey(files, name)
    reader: Any = shape.reader(survey)
    pixels = entry.make("pixels", (len(files) * keeps, *reader.shape), np.uint8)
    keys, errors = make_keys(entry, len(files)), {}
    for row, decoded in without_errors(in_threads(reader.read, files, name), errors):
        keys[row] = content_key(decoded)
        if keeps:
            pixels[row] = decoded
    entry.facts = {"errors": errors, "reader": asdict(reader), "survey": survey.facts()}


def plain_sides(seen: set[tuple[Any, Any]], shape: PictureShape) -> tuple[int, int, int] | None:
    """Height, width and channels of arrays of bytes that all have the shape that is wanted.

    `seen`: the shape of a row and the type of each array. None where there are others.
    """
    (sides, dtype), *others = seen
    if others or dtype != BYTE or len(sides) not in (2, 3) or not all(sides):
        return None
    height, width, channels = (*sides, 1)[:3]
    is_wanted = shape.size in (None, (height, width)) and shape.channels in (None, channels)
    return (height, width, channels) if is_wanted and channels in MODES else None


def _plain_pixels(
    pictures: Sequence[Picture],
    shape: PictureShape,
    name: Callable[[int], str],
    threads: int | None,
) -> DecodedPixels | None:
    """Arrays of bytes that all have the shape that is wanted, as they are."""
    seen = {(getattr(p, "shape", ()), getattr(p, "dtype", None)) for p in pictures}
    if (sides := plain_sides(seen, shape)) is None:
        return None
    height, width, channels = sides
    reader = PictureReader(height, width, channels, shape.fit, shape.max_pixels)

    def pixels_of(picture: np.ndarray) -> np.ndarray:
        return picture.reshape(sides).transpose(2, 0, 1)

    keys = np.array([content_key(pixels_of(p)) for p in pictures], dtype=f"S{KEY_BYTES}")
    count = len(pictures)
    survey = PictureSurvey(Counter({(height, width): count}), Counter({channels: count}))
    if threads is not None:
        files = FilesToDecode(pictures, keys, name, pixels_of, threads)
        key = cache_key("plain", asdict(reader), hashlib.sha256(keys.data).hexdigest())
        none = np.empty((0, *reader.shape), np.uint8)
        return DecodedPixels(none, keys, {}, reader, survey, files=files, key=key)
    pixels = np.stack([*map(pixels_of, pictures)])
    return DecodedPixels(pixels, keys, {}, reader, survey)
