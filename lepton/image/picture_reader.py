"""PictureReader: makes pictures of any size and kind arrays of one shape."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lepton.image.decoding import (
    MODES,
    Picture,
    decode_into,
    in_mode,
    pillow,
    quiet_decoding,
)
from lepton.storage import threads

if TYPE_CHECKING:
    from PIL.Image import Image

Fit = Literal["crop", "pad", "stretch"]
COLOURS = 3  # channels of a picture, where none are asked for
WHITE = (255, 255, 255, 255)  # behind what is transparent, where transparency is no channel


@dataclass(frozen=True)
class PictureReader:
    """The shape of what it makes of pictures, and how they come to it.

    Units: height and width of what comes out; max_pixels of a file.
    """

    height: int
    width: int
    channels: int
    fit: Fit
    max_pixels: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shapes: of the pixels of a picture, (channels, height, width)."""
        return self.channels, self.height, self.width

    @property
    def picture(self) -> "PictureReader":
        """Itself, as clips have one for their frames."""
        return self

    def options(self) -> dict[str, Any]:
        """The options of a data set that lead to it."""
        names = ("channels", "fit", "max_pixels")
        sizes = {"size": [self.height, self.width]}
        return sizes | {name: getattr(self, name) for name in names}

    def read(self, picture: Picture) -> np.ndarray:
        """The pixels of a picture.

        Shapes: -> (channels, height, width) uint8.
        Raises: DataError that says what is wrong with it, but not which it is.
        """
        least = (self.height, self.width)
        return decode_into(self._fitted, picture, max_pixels=self.max_pixels, least=least)

    def _fitted(self, image: "Image") -> np.ndarray:
        size = (self.width, self.height)
        if self.channels < 4:
            image = _on_white(image)
        image = in_mode(image, MODES[self.channels])
        if image.size != size:
            ops, bilinear = pillow("PIL.ImageOps"), pillow().Resampling.BILINEAR
            if self.fit == "crop":
                image = ops.fit(image, size, bilinear)
            elif self.fit == "pad":
                image = ops.pad(image, size, bilinear)
            else:
                image = image.resize(size, bilinear)
        pixels = np.asarray(image)
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def in_threads(
    work: Callable[[Picture], Any], pictures: Sequence[Picture], name: Callable[[int], str]
) -> Iterator[Any]:
    """Yields what `work` makes of each picture, in their order, or the DataError that it raises.

    `name` says in the error which picture it is.
    """
    return threads.in_threads(work, pictures, name, around=quiet_decoding)


def _on_white(image: "Image") -> "Image":
    """The image without transparency."""
    if image.mode != "RGBA":
        return image
    return pillow().alpha_composite(pillow().new("RGBA", image.size, WHITE), image)
