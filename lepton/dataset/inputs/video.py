"""VideoInputs: a column of clips as frames of one shape, as many of each."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from lepton.dataset.inputs.decoded import namer
from lepton.dataset.inputs.explained import Explained
from lepton.dataset.inputs.kind import Rows
from lepton.dataset.inputs.picture import Picture
from lepton.dataset.inputs.pixels import PixelInputs, picture_sides
from lepton.image.decoded_pictures import DecodedPixels, PictureShape
from lepton.image.statistics import LEVELS
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1
from lepton.video.clip_reader import ClipReader
from lepton.video.decoded_clips import ClipShape, decode_clips
from lepton.video.strip import strip_of

VIDEO_FILE = "video.json"


class VideoInputs(PixelInputs):
    """A column of paths, file contents or arrays of frames: `video` (rows, T, C, H, W) uint8."""

    name = "video"
    noun = "clip"
    plural = "clips"
    sizes = ("frames", *PixelInputs.sizes)
    block_rows = 64
    tensors = ("video",)
    run_files = MappingProxyType({VIDEO_FILE: "frames"})

    def __init__(
        self,
        *,
        column: str,
        frames: AtLeast1,
        size: AtLeast1 | list[AtLeast1] | None,
        channels: Literal[1, 3] | None,
        fit: Literal["crop", "pad", "stretch"],
        max_pixels: AtLeast1,
        max_frames: AtLeast1,
        on_error: Literal["refuse", "skip"],
        duplicates: Literal["drop", "keep"],
    ):
        super().__init__(column=column, on_error=on_error, duplicates=duplicates)
        picture = PictureShape(picture_sides(size), channels, fit, max_pixels)
        self.shape = ClipShape(frames, max_frames, picture)

    @classmethod
    def reader_of(cls, facts: dict[str, Any]) -> ClipReader:
        return ClipReader.of_facts(facts)

    def decode(self, column: pd.Series) -> DecodedPixels:
        """Raises: DataError where clips differ in size, and no size is given."""
        files, threads = column.to_numpy(object), self.decoding_threads
        return decode_clips(files, self.shape, namer(column), threads=threads)

    def take_common(self, common: int) -> None:
        picture = replace(self.shape.picture, size=(common, common))
        self.shape = replace(self.shape, picture=picture)

    @classmethod
    def describe(cls, spec: DataSpec) -> str:
        frames, *others = cls.sizes_of(spec)
        return f"clips of {frames} frames of {' x '.join(map(str, others))}"

    def in_parts(self, batch: Rows) -> Rows:
        """The batch with pixels as numbers, which networks take as they do bytes."""
        return {**batch, "video": batch["video"].float()}

    def neutral(self, batch: Rows, spec: DataSpec) -> Rows:
        """Frames of the mean colour of training."""
        mean = torch.tensor([*self.fields_of(spec)["mean"]]) * (LEVELS - 1)
        return {"video": mean.to(batch["video"])[:, None, None].expand_as(batch["video"])}

    def explained(
        self, raw: pd.DataFrame, batch: Rows, spec: DataSpec, attributed: dict[str, Any]
    ) -> Explained:
        clip = batch["video"][0].numpy().round().astype(np.uint8)  # (T, C, H, W)
        none = np.zeros((len(clip), *clip.shape[2:]))
        values = sum((array.sum(1) for array in attributed.get("video", [])), none)
        shown = clip[:, 0] if clip.shape[1] == 1 else clip.transpose(0, 2, 3, 1)
        pixels = np.concatenate([*shown], 1)
        return Explained(np.concatenate([*values], 1), pixels=pixels, frames=len(clip))

    def show(self, file: Any, name: str) -> Picture:
        """Some frames of the clip beside each other."""
        limits = {"max_pixels": self.shape.picture.max_pixels, "max_frames": self.shape.max_frames}
        return Picture(name, strip_of(file, **limits), media_type="image/png")
