"""ImageInputs: a column of pictures as uint8 pixels of one shape."""

import io
from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from lepton.dataset.inputs.decoded import namer
from lepton.dataset.inputs.explained import Explained
from lepton.dataset.inputs.kind import Rows
from lepton.dataset.inputs.measured import MeasuredColumn
from lepton.dataset.inputs.picture import Picture
from lepton.dataset.inputs.pixels import PixelInputs, picture_sides
from lepton.dataset.read.raw_table import RawTable
from lepton.image.decoded_pictures import DecodedPixels, PictureShape, decode_all
from lepton.image.decoding import IMAGE_ENDINGS, decode, quiet_decoding
from lepton.image.measures import measure_pictures
from lepton.image.picture_reader import PictureReader
from lepton.image.statistics import LEVELS
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1

IMAGE_FILE = "image.json"
SHOWN_PIXELS = 96  # of the longer side of a picture in the report


class ImageInputs(PixelInputs):
    """A column of paths, file contents or arrays of pixels: `image` (rows, C, H, W) uint8."""

    name = "image"
    noun = "image"
    plural = "images"
    tensors = ("image",)
    file_endings = IMAGE_ENDINGS
    run_files = MappingProxyType({IMAGE_FILE: "pixels"})

    def __init__(
        self,
        *,
        column: str,
        size: AtLeast1 | list[AtLeast1] | None,
        channels: Literal[1, 3, 4] | None,
        fit: Literal["crop", "pad", "stretch"],
        max_pixels: AtLeast1,
        on_error: Literal["refuse", "skip"],
        duplicates: Literal["drop", "keep"],
    ):
        super().__init__(column=column, on_error=on_error, duplicates=duplicates)
        self.shape = PictureShape(picture_sides(size), channels, fit, max_pixels)

    @classmethod
    def is_one(cls, given: np.ndarray) -> bool:
        return given.ndim == 3 and given.shape[2] in (3, 4)  # no grey pictures are as narrow

    @classmethod
    def reader_of(cls, facts: dict[str, Any]) -> PictureReader:
        return PictureReader(**facts)

    def decode(self, column: pd.Series) -> DecodedPixels:
        """Raises: DataError where pictures differ in size, and no size is given."""
        files, threads = column.to_numpy(object), self.decoding_threads
        return decode_all(files, self.shape, namer(column), threads=threads)

    def take_common(self, common: int) -> None:
        self.shape = replace(self.shape, size=(common, common))

    @classmethod
    def describe(cls, spec: DataSpec) -> str:
        return f"images of {' x '.join(map(str, cls.sizes_of(spec)))}"

    def show(self, file: Any, name: str) -> Picture:
        least, max_pixels = (SHOWN_PIXELS, SHOWN_PIXELS), self.shape.max_pixels
        with quiet_decoding():
            image = decode(file, max_pixels=max_pixels, least=least)
        larger = SHOWN_PIXELS // max(image.size)
        if larger > 1:  # few pixels are shown as squares
            image = image.resize((image.width * larger, image.height * larger), resample=0)
        image.thumbnail(least)
        content = io.BytesIO()
        image.save(content, "PNG")
        return Picture(name, content.getvalue(), media_type="image/png")

    def measured(
        self, table: RawTable, names: list[str], rows: np.ndarray
    ) -> Iterator[MeasuredColumn]:
        """Yields sides, where they differ, and brightness, then what the base does."""
        column = table[self.own_columns[0]].iloc[rows]
        pictures, max_pixels = column.to_numpy(object), self.shape.max_pixels
        measures = measure_pictures(pictures, namer(column), max_pixels=max_pixels)
        for name, values in measures.items():
            if name == "brightness" or len(set(values)) > 1:
                yield MeasuredColumn(f"{name} of {column.name}", "number", pd.Series(values), False)
        yield from super().measured(table, names, rows)

    def neutral(self, batch: Rows, spec: DataSpec) -> Rows:
        """A picture of the mean colour of training."""
        mean = torch.tensor([*self.fields_of(spec)["mean"]]) * (LEVELS - 1)
        return {"image": mean.round().to(torch.uint8)[:, None, None].expand_as(batch["image"])}

    def explained(
        self, raw: pd.DataFrame, batch: Rows, spec: DataSpec, attributed: dict[str, Any]
    ) -> Explained:
        pixels = batch["image"][0].numpy()
        values = sum((array.sum(0) for array in attributed.get("image", [])), np.zeros(()))
        values = np.broadcast_to(values, pixels.shape[1:])
        shown = pixels[0] if len(pixels) == 1 else pixels[:3].transpose(1, 2, 0)
        return Explained(values, pixels=np.ascontiguousarray(shown))
