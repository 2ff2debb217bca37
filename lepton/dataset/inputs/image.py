"""ImageInputs: a column of pictures as uint8 pixels of one shape."""

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch

from lepton.dataset.inputs.decoded import DecodedInputs, decoded_or_refused, namer
from lepton.dataset.inputs.explained import Explained
from lepton.dataset.inputs.kind import RawSplits, Rows
from lepton.dataset.inputs.measured import MeasuredColumn
from lepton.dataset.inputs.picture import Picture
from lepton.dataset.read.raw_table import RawTable
from lepton.errors import DataError
from lepton.image.decoded_pictures import (
    BLOCK_ROWS,
    DecodedPictures,
    PictureShape,
    decode_all,
)
from lepton.image.decoding import IMAGE_ENDINGS, decode
from lepton.image.measures import measure_pictures
from lepton.image.picture_reader import Fit, PictureReader, in_threads
from lepton.image.statistics import LEVELS, pixel_statistics
from lepton.spec import DataSpec
from lepton.storage.run_files import naming_damage, read_run_json
from lepton.values.bounds import AtLeast1

IMAGE_FILE = "image.json"
PIXEL_BYTES = 512  # that a network holds of a pixel without gradients: 128 floats
SHOWN_PIXELS = 96  # of the longer side of a picture in the report


class ImageInputs(DecodedInputs):
    """A column of paths, file contents or arrays of pixels: `image` (rows, C, H, W) uint8.

    Shapes: of a batch image (B, C, H, W) uint8, as is; a model scales it by `mean` and `std` of the
        spec, a number a channel.
    Units: mean and std of pixels from 0 to 1, over the training rows.
    """

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
        fit: Fit,
        max_pixels: AtLeast1,
        on_error: Literal["refuse", "skip"],
        duplicates: Literal["drop", "keep"],
    ):
        super().__init__(column=column, on_error=on_error, duplicates=duplicates)
        self.shape = PictureShape(picture_sides(size), channels, fit, max_pixels)
        self.reader: PictureReader | None = None
        self.decoded: DecodedPictures | None = None
        self.mean: list[float] = []
        self.std: list[float] = []

    def decode(self, column: pd.Series) -> DecodedPictures:
        """Raises: DataError where pictures differ in size, and no size is given."""
        return decode_all(column.to_numpy(object), self.shape, namer(column))

    def take_common(self, common: int) -> None:
        self.shape = replace(self.shape, size=(common, common))

    def prepare(self, raw: RawSplits) -> dict[str, Rows]:
        assert self.decoded is not None
        self.reader = self.decoded.reader
        return super().prepare(raw)

    def fit(self, frame: pd.DataFrame, rows: np.ndarray) -> None:
        """Takes mean and standard deviation of the training pixels."""
        assert self.decoded is not None
        blocks = np.array_split(rows, 1 + len(rows) // BLOCK_ROWS)
        self.mean, self.std = pixel_statistics(map(self.decoded.take, blocks))

    def transform(self, frame: pd.DataFrame, rows: np.ndarray) -> Rows:
        if self.decoded is not None:
            return {"image": torch.from_numpy(self.decoded.take(rows))}
        assert self.reader is not None
        column = frame[self.own_columns[0]].iloc[rows]
        pixels = decoded_or_refused(
            in_threads(self.reader.read, column.to_numpy(object), namer(column))
        )
        shape = (len(rows), self.reader.channels, self.reader.height, self.reader.width)
        return {"image": torch.from_numpy(np.stack(pixels) if pixels else np.empty(shape, "u1"))}

    def spec_fields(self, train: Rows) -> dict[str, Any]:
        channels, height, width = train["image"].shape[1:]
        sizes = {"channels": channels, "height": height, "width": width}
        return {**sizes, "mean": tuple(self.mean), "std": tuple(self.std)}

    def settings(self) -> dict[str, Any]:
        shape = {**vars(self.shape), "max_pixels": None}
        return {"shape": shape, "on_error": self.on_error, "duplicates": self.duplicates}

    def save(self, folder: Path) -> None:
        assert self.reader is not None
        (folder / IMAGE_FILE).write_text(
            json.dumps({"column": self.own_columns[0], "reader": asdict(self.reader)})
        )

    @classmethod
    def load(cls, folder: Path, spec: DataSpec) -> Self:
        state = read_run_json(folder, IMAGE_FILE)
        with naming_damage(folder / IMAGE_FILE):
            reader = PictureReader(**state["reader"])
            inputs = cls(
                column=state["column"],
                size=[reader.height, reader.width],
                channels=reader.channels,  # type: ignore[arg-type]
                fit=reader.fit,
                max_pixels=reader.max_pixels,
                on_error="refuse",
                duplicates="keep",
            )
        inputs.reader = reader
        fields = cls.fields_of(spec)
        inputs.mean, inputs.std = fields["mean"], fields["std"]
        return inputs

    @classmethod
    def row_bytes(cls, rows: Rows) -> int:
        """What networks make of an image, beside which its own bytes are few."""
        return max(1, rows["image"].shape[2:].numel()) * PIXEL_BYTES

    @classmethod
    def describe(cls, spec: DataSpec) -> str:
        fields = cls.fields_of(spec)
        return f"images of {fields['channels']} x {fields['height']} x {fields['width']}"

    @classmethod
    def example_fields(cls) -> list[dict[str, Any]]:
        return [
            {"channels": c, "height": 12, "width": 10, "mean": [0.4] * c, "std": [0.2] * c}
            for c in (1, 3)
        ]

    @classmethod
    def example_rows(cls, spec: DataSpec, rows: int, generator: torch.Generator) -> Rows:
        fields = cls.fields_of(spec)
        shape = (rows, fields["channels"], fields["height"], fields["width"])
        return {"image": torch.randint(LEVELS, shape, generator=generator, dtype=torch.uint8)}

    @classmethod
    def broken_promises(cls, split: str, rows: Rows, spec: DataSpec) -> Iterator[str]:
        fields = cls.fields_of(spec)
        shape = (fields["channels"], fields["height"], fields["width"])
        if tuple(rows["image"].shape[1:]) != shape or rows["image"].dtype != torch.uint8:
            yield f"images must be uint8 of the spec's {shape}; {split} has {rows['image'].shape}"

    def shown(self, rows: pd.DataFrame) -> pd.DataFrame:
        column = rows[self.own_columns[0]]
        pictures = [_thumbnail(picture, self.shape.max_pixels) for picture in column]
        return pd.DataFrame({column.name: pd.Series(pictures, dtype=object, index=rows.index)})

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


def picture_sides(size: int | list[int] | None) -> tuple[int, int] | None:
    """Height and width of `dataset.size`. Raises: DataError where it is neither one nor two."""
    if size is None:
        return None
    sides = [size, size] if isinstance(size, int) else [*size]
    if len(sides) != 2 or min(sides) < 1:
        raise DataError(f"dataset.size={size}: a side, or height and width, in pixels from 1 on")
    return sides[0], sides[1]


def _thumbnail(picture: Any, max_pixels: int) -> Picture:
    """A picture as the report shows it; words where it cannot be read."""
    name = Path(picture).name if isinstance(picture, str | Path) else "image"
    try:
        image = decode(picture, max_pixels=max_pixels, least=(SHOWN_PIXELS, SHOWN_PIXELS))
    except DataError as e:
        return Picture(f"{name}: {e}", b"", media_type="image/png")
    larger = SHOWN_PIXELS // max(image.size)
    if larger > 1:  # few pixels are shown as squares
        image = image.resize((image.width * larger, image.height * larger), resample=0)
    image.thumbnail((SHOWN_PIXELS, SHOWN_PIXELS))
    content = io.BytesIO()
    image.save(content, "PNG")
    return Picture(name, content.getvalue(), media_type="image/png")
