"""What is measured of pictures for a profile of a data set: sides and brightness."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lepton.errors import DataError
from lepton.image.decoding import Picture, decode_into, look
from lepton.image.picture_reader import in_threads

if TYPE_CHECKING:
    from PIL.Image import Image

LEAST = (32, 32)  # height and width that are enough to see how bright a picture is


def measure_pictures(
    pictures: Sequence[Picture], name: Callable[[int], str], *, max_pixels: int
) -> dict[str, np.ndarray]:
    """Height, width and mean brightness of each, NaN where it cannot be read. Shapes: (n,).

    Units: pixels; brightness from 0, black, to 1.
    """
    work = partial(_measure, max_pixels=max_pixels)
    unread = (np.nan, np.nan, np.nan)
    rows = [
        unread if isinstance(measured, DataError) else measured
        for measured in in_threads(work, pictures, name)
    ]
    values = np.array(rows, dtype=float).reshape(-1, 3)
    return dict(zip(("height", "width", "brightness"), values.T, strict=True))


def _measure(picture: Picture, *, max_pixels: int) -> tuple[float, float, float]:
    height, width, _ = look(picture, max_pixels=max_pixels)
    brightness = decode_into(_brightness, picture, max_pixels=max_pixels, least=LEAST)
    return float(height), float(width), brightness


def _brightness(image: "Image") -> float:
    return float(np.asarray(image.convert("L")).mean() / 255)
