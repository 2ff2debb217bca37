"""The base of data sets of images: pictures become uint8 pixels of one shape."""

from typing import Any, Literal

from lepton.dataset.data import Data
from lepton.dataset.inputs.image import ImageInputs
from lepton.values.bounds import AtLeast1

IMAGE_COLUMN = "image"  # of paths, file contents or arrays, where a data set names no other


class ImageData(Data):
    """Base of the data sets of images; one of them only says how to `read` its rows.

    They hold a column of paths, file contents, arrays (H, W) or (H, W, channels), or Pillow images.
    """

    provides = ("image",)
    image_column = IMAGE_COLUMN

    def __init__(
        self,
        *,
        size: AtLeast1 | list[AtLeast1] | None,
        channels: Literal[1, 3, 4] | None,
        fit: Literal["crop", "pad", "stretch"],
        max_pixels: AtLeast1,
        on_error: Literal["refuse", "skip"],
        duplicates: Literal["drop", "keep"],
        **rows: Any,
    ):
        super().__init__(**rows)
        self.image_inputs = ImageInputs(
            column=self.image_column,
            size=size,
            channels=channels,
            fit=fit,
            max_pixels=max_pixels,
            on_error=on_error,
            duplicates=duplicates,
        )
        self.inputs.append(self.image_inputs)
