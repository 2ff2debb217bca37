"""Clips of a data set as one array: decoded once, and kept in the cache."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from lepton.image.decoded_pictures import DecodedPixels, PictureShape, decoded_pixels
from lepton.image.survey import PictureSurvey, survey_pictures
from lepton.storage.decoded_cache import DecodedCache
from lepton.video.clip_reader import ClipReader
from lepton.video.decoding import Clip, look

CACHE = DecodedCache("clips", 2, ("lepton-experiments", "pillow", "av"))


@dataclass(frozen=True)
class ClipShape:
    """What clips are to become: so many frames, and of each a picture."""

    frames: int
    max_frames: int
    picture: PictureShape

    @property
    def file_bytes(self) -> int | None:
        """The bytes that a clip becomes at most; None where the clips decide."""
        frame = self.picture.file_bytes
        return None if frame is None else self.frames * frame

    def survey(self, files: Sequence[Clip], name: Callable[[int], str]) -> PictureSurvey:
        limit = self.picture.max_pixels
        look_at = partial(look, max_pixels=limit)
        return survey_pictures(files, name, max_pixels=limit, look=look_at)

    def reader(self, survey: PictureSurvey) -> ClipReader:
        return ClipReader(self.frames, self.max_frames, self.picture.reader(survey))


def decode_clips(
    clips: Sequence[Clip],
    shape: ClipShape,
    name: Callable[[int], str],
    *,
    threads: int | None = None,
) -> DecodedPixels:
    """The pixels of clips, from the cache where they were decoded before.

    `threads`: how many decode them anew whenever they are asked for; None: they are kept.

    Raises: DataError when the sizes of clips differ, and no size is given; LeptonError when the
        cache's folder cannot be written.
    """
    return decoded_pixels(CACHE, clips, shape, name, ClipReader.of_facts, threads, "clips")
