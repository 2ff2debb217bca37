"""Clips of a data set as one array: decoded once, and kept in the cache."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from lepton.errors import DataError
from lepton.image.decoded_pictures import KEY_BYTES, DecodedPictures, PictureShape, pixel_key
from lepton.image.picture_reader import PictureReader, in_threads
from lepton.image.survey import PictureSurvey, survey_pictures
from lepton.storage.array_cache import ArrayCache, ArrayEntry
from lepton.storage.cache import cache_key
from lepton.storage.environment import package_versions
from lepton.storage.fingerprint import fingerprint
from lepton.video.clip_reader import ClipReader
from lepton.video.decoding import Clip, look

FORMAT = 1  # of an entry of the cache; raised when the same clips would become other pixels
PACKAGES = ("lepton-experiments", "pillow", "av")


@dataclass(frozen=True)
class ClipShape:
    """What clips are to become: so many frames, and of each a picture."""

    frames: int
    max_frames: int
    picture: PictureShape


@dataclass(frozen=True)
class DecodedClips(DecodedPictures):
    """The pixels of all clips, and for those that could not be decoded what is wrong.

    Shapes: pixels (N, frames, channels, height, width) uint8; keys as of pictures.
    """

    frames: int = 1
    max_frames: int = 1

    def clip_reader(self) -> ClipReader:
        """What made the clips arrays of one shape."""
        return ClipReader(self.frames, self.max_frames, self.reader)

    def remarks(self) -> list[tuple[str, int]]:
        return [(words.replace("images", "clips"), count) for words, count in super().remarks()]


def decode_clips(
    clips: Sequence[Clip], shape: ClipShape, name: Callable[[int], str]
) -> DecodedClips:
    """The pixels of clips, from the cache where they were decoded before.

    Raises: DataError when the sizes of clips differ, and no size is given; LeptonError when the
        cache's folder cannot be written.
    """
    cache, contents = ArrayCache("clips"), hashlib.sha256()
    for clip in clips:
        contents.update(fingerprint(clip))
    key = cache_key(asdict(shape), contents.hexdigest(), FORMAT, package_versions(PACKAGES))
    entry = cache.open(key[:16], key[16:])
    if entry is None:
        with cache.writing(key[:16], key[16:]) as entry:
            _decode_into(entry, clips, shape, name)
    facts = entry.facts
    return DecodedClips(
        entry.read("pixels"),
        np.array(entry.read("keys")),
        {int(row): error for row, error in facts["errors"].items()},
        PictureReader(**facts["reader"]),
        PictureSurvey.of_facts(facts["survey"]),
        shape.frames,
        shape.max_frames,
    )


def _decode_into(
    entry: ArrayEntry, clips: Sequence[Clip], shape: ClipShape, name: Callable[[int], str]
) -> None:
    limit = shape.picture.max_pixels
    survey = survey_pictures(clips, name, max_pixels=limit, look=partial(look, max_pixels=limit))
    picture = shape.picture.reader(survey)
    reader = ClipReader(shape.frames, shape.max_frames, picture)
    one = (shape.frames, picture.channels, picture.height, picture.width)
    pixels, errors = entry.make("pixels", (len(clips), *one), np.uint8), {}
    keys = entry.make("keys", (len(clips),), f"S{KEY_BYTES}")
    for row, decoded in enumerate(in_threads(reader.read, clips, name)):
        if isinstance(decoded, DataError):
            errors[row] = str(decoded)
            continue
        pixels[row] = decoded
        keys[row] = pixel_key(decoded)
    entry.facts = {"errors": errors, "reader": asdict(picture), "survey": survey.facts()}
