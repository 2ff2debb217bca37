"""ClipReader: makes clips of any length and size arrays of one shape."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lepton.image.picture_reader import PictureReader
from lepton.video.decoding import Clip, even_frames


@dataclass(frozen=True)
class ClipReader:
    """How many frames it takes of a clip, and what makes pixels of each."""

    frames: int
    max_frames: int
    picture: PictureReader

    @classmethod
    def of_facts(cls, facts: dict[str, Any]) -> "ClipReader":
        """The reader of which `asdict` made these facts."""
        return cls(**{**facts, "picture": PictureReader(**facts["picture"])})

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shapes: of the pixels of a clip, (frames, channels, height, width)."""
        return self.frames, *self.picture.shape

    def options(self) -> dict[str, Any]:
        """The options of a data set that lead to it."""
        numbers = {"frames": self.frames, "max_frames": self.max_frames}
        return numbers | self.picture.options()

    def read(self, clip: Clip) -> np.ndarray:
        """The pixels of a clip.

        Shapes: -> (frames, channels, height, width) uint8.
        Raises: DataError that says what is wrong with it, but not which it is.
        """
        limits = {"max_pixels": self.picture.max_pixels, "max_frames": self.max_frames}
        frames, picture = even_frames(clip, self.frames, **limits), self.picture
        shape = (picture.height, picture.width, picture.channels)
        if all(frame.shape == shape for frame in frames):
            return np.stack(frames).transpose(0, 3, 1, 2)
        return np.stack([picture.read(np.ascontiguousarray(frame)) for frame in frames])
