"""Strips: a few frames of a clip beside each other, as a person is shown it."""

import io

import numpy as np

from lepton.image.picture_reader import PictureReader
from lepton.video.decoding import Clip, even_frames, look

FRAMES, SIDE = 4, 96  # of a strip, and the longer side of a frame in pixels


def strip_of(clip: Clip, *, max_pixels: int, max_frames: int) -> bytes:
    """The PNG of a strip; of fewer frames where the clip has fewer.

    Raises: DataError that says what is wrong with the clip.
    """
    from lepton.image.decoding import pillow

    height, width, channels = look(clip, max_pixels=max_pixels)
    scale = SIDE / max(height, width)
    sides = max(1, round(height * scale)), max(1, round(width * scale))
    reader = PictureReader(*sides, channels, "stretch", max_pixels)
    count = min(FRAMES, len(clip)) if isinstance(clip, np.ndarray) else FRAMES
    frames = even_frames(clip, count, max_pixels=max_pixels, max_frames=max_frames)
    pixels = np.concatenate([reader.read(np.ascontiguousarray(f)) for f in frames], axis=2)
    image = pillow().fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0).squeeze()))
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()
