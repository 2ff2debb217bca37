"""VideoInputs: a column of clips as frames of one shape, as many of each."""

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
from lepton.dataset.inputs.image import PIXEL_BYTES, picture_sides
from lepton.dataset.inputs.kind import RawSplits, Rows
from lepton.dataset.inputs.picture import Picture
from lepton.errors import DataError
from lepton.image.decoded_pictures import PictureShape
from lepton.image.picture_reader import Fit, PictureReader, in_threads
from lepton.image.statistics import LEVELS, pixel_statistics
from lepton.spec import DataSpec
from lepton.storage.run_files import naming_damage, read_run_json
from lepton.values.bounds import AtLeast1
from lepton.video.clip_reader import ClipReader
from lepton.video.decoded_clips import ClipShape, DecodedClips, decode_clips
from lepton.video.strip import strip_of

VIDEO_FILE = "video.json"
BLOCK_ROWS = 64  # clips whose pixels are counted at a time


class VideoInputs(DecodedInputs):
    """A column of paths, file contents or arrays of frames: `video` (rows, T, C, H, W) uint8.

    Shapes: of a batch video (B, T, C, H, W) uint8, as is; a model scales it by `mean` and `std` of
        the spec, a number a channel.
    Units: mean and std of pixels from 0 to 1, over the frames of the training rows.
    """

    name = "video"
    noun = "clip"
    plural = "clips"
    tensors = ("video",)
    run_files = MappingProxyType({VIDEO_FILE: "frames"})

    def __init__(
        self,
        *,
        column: str,
        frames: AtLeast1,
        size: AtLeast1 | list[AtLeast1] | None,
        channels: Literal[1, 3] | None,
        fit: Fit,
        max_pixels: AtLeast1,
        max_frames: AtLeast1,
        on_error: Literal["refuse", "skip"],
        duplicates: Literal["drop", "keep"],
    ):
        super().__init__(column=column, on_error=on_error, duplicates=duplicates)
        picture = PictureShape(picture_sides(size), channels, fit, max_pixels)
        self.shape = ClipShape(frames, max_frames, picture)
        self.reader: ClipReader | None = None
        self.decoded: DecodedClips | None = None
        self.mean: list[float] = []
        self.std: list[float] = []

    def decode(self, column: pd.Series) -> DecodedClips:
        """Raises: DataError where clips differ in size, and no size is given."""
        return decode_clips(column.to_numpy(object), self.shape, namer(column))

    def take_common(self, common: int) -> None:
        picture = replace(self.shape.picture, size=(common, common))
        self.shape = replace(self.shape, picture=picture)

    def prepare(self, raw: RawSplits) -> dict[str, Rows]:
        assert self.decoded is not None
        self.reader = self.decoded.clip_reader()
        return super().prepare(raw)

    def fit(self, frame: pd.DataFrame, rows: np.ndarray) -> None:
        """Takes mean and standard deviation of the pixels of the training rows."""
        decoded = self.decoded
        assert decoded is not None
        blocks = np.array_split(rows, 1 + len(rows) // BLOCK_ROWS)
        pictures = (np.concatenate(decoded.take(block)) for block in blocks if len(block))
        self.mean, self.std = pixel_statistics(pictures)

    def transform(self, frame: pd.DataFrame, rows: np.ndarray) -> Rows:
        if self.decoded is not None:
            return {"video": torch.from_numpy(self.decoded.take(rows))}
        assert self.reader is not None
        column = frame[self.own_columns[0]].iloc[rows]
        clips = decoded_or_refused(
            in_threads(self.reader.read, column.to_numpy(object), namer(column))
        )
        picture = self.reader.picture
        shape = (self.reader.frames, picture.channels, picture.height, picture.width)
        return {
            "video": torch.from_numpy(np.stack(clips) if clips else np.empty((0, *shape), "u1"))
        }

    def spec_fields(self, train: Rows) -> dict[str, Any]:
        frames, channels, height, width = train["video"].shape[1:]
        sizes = {"frames": frames, "channels": channels, "height": height, "width": width}
        return {**sizes, "mean": tuple(self.mean), "std": tuple(self.std)}

    def settings(self) -> dict[str, Any]:
        shape = asdict(self.shape)
        return {"shape": shape, "on_error": self.on_error, "duplicates": self.duplicates}

    def save(self, folder: Path) -> None:
        assert self.reader is not None
        (folder / VIDEO_FILE).write_text(
            json.dumps({"column": self.own_columns[0], "reader": asdict(self.reader)})
        )

    @classmethod
    def load(cls, folder: Path, spec: DataSpec) -> Self:
        state = read_run_json(folder, VIDEO_FILE)
        with naming_damage(folder / VIDEO_FILE):
            picture = PictureReader(**state["reader"].pop("picture"))
            reader = ClipReader(**state["reader"], picture=picture)
            inputs = cls(
                column=state["column"],
                frames=reader.frames,
                size=[picture.height, picture.width],
                channels=picture.channels,  # type: ignore[arg-type]
                fit=picture.fit,
                max_pixels=picture.max_pixels,
                max_frames=reader.max_frames,
                on_error="refuse",
                duplicates="keep",
            )
        inputs.reader = reader
        fields = cls.fields_of(spec)
        inputs.mean, inputs.std = fields["mean"], fields["std"]
        return inputs

    @classmethod
    def row_bytes(cls, rows: Rows) -> int:
        """What networks make of the frames of a clip, beside which its own bytes are few."""
        frames, _, height, width = rows["video"].shape[1:]
        return max(1, frames * height * width) * PIXEL_BYTES

    @classmethod
    def describe(cls, spec: DataSpec) -> str:
        fields = cls.fields_of(spec)
        sizes = " x ".join(str(fields[name]) for name in ("channels", "height", "width"))
        return f"clips of {fields['frames']} frames of {sizes}"

    @classmethod
    def example_fields(cls) -> list[dict[str, Any]]:
        return [
            {
                **{"frames": 3, "channels": c, "height": 12, "width": 10},
                **{"mean": [0.4] * c, "std": [0.2] * c},
            }
            for c in (1, 3)
        ]

    @classmethod
    def example_rows(cls, spec: DataSpec, rows: int, generator: torch.Generator) -> Rows:
        shape = (rows, *_shape_of(cls.fields_of(spec)))
        return {"video": torch.randint(LEVELS, shape, generator=generator, dtype=torch.uint8)}

    @classmethod
    def broken_promises(cls, split: str, rows: Rows, spec: DataSpec) -> Iterator[str]:
        shape = _shape_of(cls.fields_of(spec))
        if tuple(rows["video"].shape[1:]) != shape or rows["video"].dtype != torch.uint8:
            yield f"clips must be uint8 of the spec's {shape}; {split} has {rows['video'].shape}"

    def shown(self, rows: pd.DataFrame) -> pd.DataFrame:
        column, limit = rows[self.own_columns[0]], self.shape.picture.max_pixels
        strips = [_strip(clip, limit, self.shape.max_frames) for clip in column]
        return pd.DataFrame({column.name: pd.Series(strips, dtype=object, index=rows.index)})


def _shape_of(fields: dict[str, Any]) -> tuple[int, int, int, int]:
    return fields["frames"], fields["channels"], fields["height"], fields["width"]


def _strip(clip: Any, max_pixels: int, max_frames: int) -> Picture:
    """Some frames of a clip as the report shows them; words where it cannot be read."""
    name = Path(clip).name if isinstance(clip, str | Path) else "clip"
    try:
        content = strip_of(clip, max_pixels=max_pixels, max_frames=max_frames)
    except DataError as e:
        return Picture(f"{name}: {e}", b"", media_type="image/png")
    return Picture(name, content, media_type="image/png")
