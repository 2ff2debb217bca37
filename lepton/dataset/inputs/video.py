"""VideoInputs: a column of clips as frames of one shape, as many of each."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

import pandas as pd

from lepton.dataset.inputs.decoded import namer
from lepton.dataset.inputs.picture import Picture
from lepton.dataset.inputs.pixels import PixelInputs, picture_sides
from lepton.image.decoded_pictures import DecodedPixels, PictureShape
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

    def show(self, file: Any, name: str) -> Picture:
        """Some frames of the clip beside each other."""
        limits = {"max_pixels": self.shape.picture.max_pixels, "max_frames": self.shape.max_frames}
        return Picture(name, strip_of(file, **limits), media_type="image/png")
