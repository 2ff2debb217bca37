"""PixelInputs: the base of kinds whose files become pixels of one shape: pictures and clips."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch

from lepton.dataset.inputs.decoded import DecodedInputs, decoded_or_refused, namer
from lepton.dataset.inputs.kind import RawSplits, Rows
from lepton.dataset.inputs.shown_tensors import shown_pixels
from lepton.errors import DataError
from lepton.image.decoded_pictures import BLOCK_ROWS, DecodedPixels
from lepton.image.picture_reader import in_threads
from lepton.image.statistics import LEVELS, pixel_statistics
from lepton.spec import DataSpec
from lepton.storage.decoded_cache import kept_numbers
from lepton.storage.run_files import naming_damage, read_run_json

PIXEL_BYTES = 512  # that a network holds of a pixel without gradients: 128 floats


class PixelInputs(DecodedInputs):
    """A column of paths, file contents or arrays as uint8 pixels under the name of the kind.

    A subclass says what the sizes of a row are, and makes a reader of what `save` wrote of one.
    Shapes: of a batch (B, *sizes) uint8, as is; a model scales it by `mean` and `std` of the spec,
        a number a channel.
    Units: mean and std of pixels from 0 to 1, over the training rows.
    """

    corruptions = "lepton.dataset.corruptions.picture.PictureCorruptions"
    sizes: ClassVar[tuple[str, ...]] = ("channels", "height", "width")  # of a row, in a spec
    block_rows: ClassVar[int] = BLOCK_ROWS  # whose pixels are counted at a time
    shape: Any  # a dataclass, of what files are to become

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.reader: Any = None
        self.decoded: DecodedPixels | None = None
        self.mean: list[float] = []
        self.std: list[float] = []

    @property
    def file_bytes(self) -> int | None:
        return self.shape.file_bytes

    @classmethod
    def reader_of(cls, facts: dict[str, Any]) -> Any:
        """The reader of which `asdict` made these facts."""
        raise NotImplementedError

    def shown_tensors(self, row: Rows, spec: DataSpec) -> dict[str, Any]:
        return {self.name: shown_pixels(row[self.name], self.noun)} if self.name in row else {}

    def prepare(self, raw: RawSplits) -> dict[str, Rows]:
        assert self.decoded is not None
        self.reader = self.decoded.reader
        return super().prepare(raw)

    def fit(self, frame: pd.DataFrame, rows: np.ndarray) -> None:
        """Takes mean and standard deviation of the training pixels."""
        decoded = self.decoded
        assert decoded is not None

        def statistics() -> list[float]:
            blocks = np.array_split(rows, 1 + len(rows) // self.block_rows)
            mean, std = pixel_statistics(map(_as_pictures, map(decoded.take, blocks)))
            return [*mean, *std]

        numbers = (
            statistics()
            if decoded.files is None
            else kept_numbers(decoded.key, rows, ["pixels"], statistics)
        )
        half = len(numbers) // 2
        self.mean, self.std = numbers[:half], numbers[half:]

    def transform(self, frame: pd.DataFrame, rows: np.ndarray) -> Rows:
        if self.decoded is not None:
            shape = self.decoded.reader.shape
            return {self.name: self.taken(self.decoded.take, rows, shape, torch.uint8)}
        column = frame[self.own_columns[0]].iloc[rows]
        files = column.to_numpy(object)
        pixels = decoded_or_refused(in_threads(self.reader.read, files, namer(column)))
        none = np.empty((0, *self.reader.shape), np.uint8)
        return {self.name: torch.from_numpy(np.stack(pixels) if pixels else none)}

    def spec_fields(self, train: Rows) -> dict[str, Any]:
        sizes = dict(zip(self.sizes, train[self.name].shape[1:], strict=True))
        return {**sizes, "mean": tuple(self.mean), "std": tuple(self.std)}

    def settings(self) -> dict[str, Any]:
        shape = asdict(self.shape)
        return {"shape": shape, "on_error": self.on_error, "duplicates": self.duplicates}

    def save(self, folder: Path) -> None:
        state = {"column": self.own_columns[0], "reader": asdict(self.reader)}
        (folder / next(iter(self.run_files))).write_text(json.dumps(state))

    @classmethod
    def load(cls, folder: Path, spec: DataSpec) -> Self:
        file = next(iter(cls.run_files))
        state = read_run_json(folder, file)
        with naming_damage(folder / file):
            reader = cls.reader_of(state["reader"])
            others = {"on_error": "refuse", "duplicates": "keep"}
            inputs = cls(column=state["column"], **reader.options(), **others)
        inputs.reader, fields = reader, cls.fields_of(spec)
        inputs.mean, inputs.std = fields["mean"], fields["std"]
        return inputs

    @classmethod
    def row_bytes(cls, rows: Rows) -> int:
        """What networks make of the pixels of a row, beside which its own bytes are few."""
        *frames, _, height, width = rows[cls.name].shape[1:]
        return max(1, math.prod(frames) * height * width) * PIXEL_BYTES

    @classmethod
    def sizes_of(cls, spec: DataSpec) -> tuple[int, ...]:
        """The shape of a row, as a spec says."""
        fields = cls.fields_of(spec)
        return tuple(fields[name] for name in cls.sizes)

    @classmethod
    def example_fields(cls) -> list[dict[str, Any]]:
        sizes = {"frames": 3, "height": 12, "width": 10}
        return [
            {name: sizes.get(name, c) for name in cls.sizes} | {"mean": [0.4] * c, "std": [0.2] * c}
            for c in (1, 3)
        ]

    @classmethod
    def example_rows(cls, spec: DataSpec, rows: int, generator: torch.Generator) -> Rows:
        shape = (rows, *cls.sizes_of(spec))
        return {cls.name: torch.randint(LEVELS, shape, generator=generator, dtype=torch.uint8)}

    @classmethod
    def broken_promises(cls, split: str, rows: Rows, spec: DataSpec) -> Iterator[str]:
        shape, pixels = cls.sizes_of(spec), rows[cls.name]
        if tuple(pixels.shape[1:]) != shape or pixels.dtype != torch.uint8:
            yield f"{cls.plural} must be uint8 of the spec's {shape}; {split} has {pixels.shape}"


def picture_sides(size: int | Sequence[int] | None) -> tuple[int, int] | None:
    """Height and width of `dataset.size`. Raises: DataError where it is neither one nor two."""
    if size is None:
        return None
    sides = [size, size] if isinstance(size, int) else [*size]
    if len(sides) != 2 or min(sides) < 1:
        raise DataError(f"dataset.size={size}: a side, or height and width, in pixels from 1 on")
    return sides[0], sides[1]


def _as_pictures(pixels: np.ndarray) -> np.ndarray:
    """Shapes: (n, ..., channels, H, W) -> (m, channels, H, W)."""
    return pixels.reshape(math.prod(pixels.shape[:-3]), *pixels.shape[-3:])
