"""PictureReader: makes pictures of any size and kind arrays of one shape."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lepton.errors import DataError
from lepton.image.decoding import Picture, decode, pillow, quiet_decoding

Fit = Literal["crop", "pad", "stretch"]
THREADS, BLOCK = 8, 256  # that decode at once, and pictures that they hold decoded
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

    def read(self, picture: Picture) -> np.ndarray:
        """The pixels of a picture.

        Shapes: -> (channels, height, width) uint8.
        Raises: DataError that says what is wrong with it, but not which it is.
        """
        pil, size = pillow(), (self.width, self.height)
        image = decode(picture, max_pixels=self.max_pixels, least=(self.height, self.width))
        if self.channels == 1:
            image = _on_white(image).convert("L")
        elif self.channels == 3:
            image = _on_white(image).convert("RGB")
        else:
            image = image.convert("RGBA")
        if image.size != size:
            ops, bilinear = pillow("PIL.ImageOps"), pil.Resampling.BILINEAR
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

    `name` says in the error which picture it is. Pillow lets other threads run while it decodes.
    """

    def one(number: int) -> Any:
        try:
            return work(pictures[number])
        except DataError as e:
            return DataError(f"{name(number)}: {e}")

    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(pictures), BLOCK):
            numbers = range(start, min(start + BLOCK, len(pictures)))
            with quiet_decoding():
                done = list(pool.map(one, numbers))
            yield from done


def _on_white(image: Any) -> Any:
    """The image without transparency."""
    if image.mode != "RGBA":
        return image
    return pillow().alpha_composite(pillow().new("RGBA", image.size, WHITE), image)
