"""Decodes clips: a file, the bytes of one, or an array of frames, to frames at even distances."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from lepton.compat.optional import import_optional
from lepton.errors import DataError
from lepton.storage.file_cell import content_of

Clip = Any  # a path, the bytes of a file, a dict of both, or an array (frames, H, W[, channels])
FORMATS = (  # of files; none is a list of other files, or fetches one
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "gif", "mpeg"),
    *("mpegts", "mpegvideo", "ogg", "flv", "asf", "m4v", "h264", "hevc", "ivf"),
)
LOCAL = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "none"}
COLOURS = 3


def even_places(frames: int, count: int) -> np.ndarray:
    """The frames in the middle of `count` equal parts of a clip.

    >>> even_places(10, 3)
    array([1, 5, 8])
    """
    return ((np.arange(count) + 0.5) * frames / count).astype(np.int64)


def look(clip: Clip, *, max_pixels: int) -> tuple[int, int, int]:
    """The height, width and number of channels of a clip's frames, from its head.

    Raises: DataError that says what is wrong with it, but not which it is.
    """
    if isinstance(clip, np.ndarray):
        return _checked(clip).shape[1:]
    with _opened(clip) as container:
        stream = _stream(container, max_pixels)
        sides = stream.codec_context.height, stream.codec_context.width
        turned = sides[::-1] if _quarters(next(container.decode(stream), None)) % 2 else sides
    return *turned, COLOURS


def even_frames(clip: Clip, count: int, *, max_pixels: int, max_frames: int) -> list[np.ndarray]:
    """So many frames of a clip, at even distances, upright.

    Shapes: each (H, W, channels) uint8.
    Raises: DataError, as `look`; for a clip of fewer frames; and for a longer one than max_frames.
    """
    if isinstance(clip, np.ndarray):
        frames = _checked(clip)
        _require(len(frames), count, max_frames)
        return [*frames[even_places(len(frames), count)]]
    with _opened(clip) as container:
        stream = _stream(container, max_pixels)
        length = 0
        for packet in container.demux(stream):
            length += packet.size > 0
            if length > max_frames:
                _require(length, count, max_frames)
    frames, seen = _chosen_frames(clip, even_places(length, count), max_pixels)
    if seen != length and seen:  # what the file says of itself is not so
        frames, seen = _chosen_frames(clip, even_places(seen, count), max_pixels)
    _require(seen, count, max_frames)
    return frames


def _chosen_frames(clip: Clip, places: np.ndarray, max_pixels: int) -> tuple[list[np.ndarray], int]:
    """The frames at these places, and how many there are."""
    wanted, frames, seen = {*places.tolist()}, [], 0
    with _opened(clip) as container:
        for frame in container.decode(_stream(container, max_pixels)):
            if seen in wanted:
                if frame.width * frame.height > max_pixels:
                    raise _too_large(frame.height, frame.width, max_pixels)
                turns = _quarters(frame)
                frames.append(np.rot90(frame.to_ndarray(format="rgb24"), turns))
            seen += 1
    return frames, seen


def _stream(container: Any, max_pixels: int) -> Any:
    """The first stream of pictures of a file."""
    if not container.streams.video:
        raise DataError("it has no pictures, only other streams")
    stream = container.streams.video[0]
    stream.thread_type = "NONE"
    context = stream.codec_context
    if context is None:
        raise DataError("its pictures are of a kind that cannot be decoded")
    if context.height * context.width > max_pixels:
        raise _too_large(context.height, context.width, max_pixels)
    return stream


def _too_large(height: int, width: int, max_pixels: int) -> DataError:
    return DataError(f"{height} x {width} pixels are more than dataset.max_pixels={max_pixels}")


def _require(frames: int, count: int, max_frames: int) -> None:
    if frames > max_frames:
        raise DataError(f"it has more frames than dataset.max_frames={max_frames}")
    if not frames:
        raise DataError("it has no frames")
    if frames < count:
        raise DataError(f"it has {frames} frames, fewer than dataset.frames={count}")


def _quarters(frame: Any) -> int:
    """The quarters of a turn, against the clock, by which a frame stands upright."""
    return round(getattr(frame, "rotation", 0) / 90) % 4


def _checked(frames: np.ndarray) -> np.ndarray:
    """An array as (frames, H, W, channels)."""
    if frames.ndim == 3:
        frames = frames[..., None]
    if frames.ndim != 4 or frames.shape[3] not in (1, COLOURS) or frames.dtype != np.uint8:
        raise DataError(
            f"an array of {frames.dtype} of shape {frames.shape} is no clip; uint8 of (frames, "
            "H, W) or (frames, H, W, 3) is"
        )
    if not frames[0:1].size:
        raise DataError("it has no frames" if frames.shape[1:].count(0) == 0 else "no pixels")
    return frames


@contextmanager
def _opened(clip: Clip) -> Iterator[Any]:
    """The file of a clip; what PyAV raises for damaged and hostile ones becomes a DataError."""
    av = pyav()
    content = content_of(clip, "clip")
    in_memory = isinstance(content, bytes | bytearray)
    try:
        with (
            io.BytesIO(content) if in_memory else open(content, "rb") as file,
            av.open(file, options=LOCAL) as container,
        ):
            yield container
    except DataError:
        raise
    except (av.error.FFmpegError, OSError, ValueError, EOFError, IndexError, TypeError) as e:
        reason = getattr(e, "strerror", None) or " ".join(f"{e}".split()) or type(e).__name__
        raise DataError(f"no clip that can be decoded ({reason})") from None


def pyav() -> ModuleType:
    """The package PyAV, which is silent about what it meets in files.

    Raises: LeptonError that says how to install it.
    """
    av = import_optional("av", needed_by="a data set of clips")
    import_optional("av.logging", needed_by="a data set of clips").set_level(av.logging.PANIC)
    return av
