"""The base of data sets of short clips: each becomes as many frames of one shape."""

from typing import Any, Literal

from lepton.dataset.data import Data
from lepton.dataset.inputs.video import VideoInputs
from lepton.values.bounds import AtLeast1

VIDEO_COLUMN = "video"  # of paths, file contents or arrays, where a data set names no other


class VideoData(Data):
    """Base of the data sets of clips; one of them only says how to `read` its rows.

    They hold a column of paths, file contents, or arrays (frames, H, W) or (frames, H, W, 3).
    """

    provides = ("video",)
    video_column = VIDEO_COLUMN

    def __init__(
        self,
        *,
        frames: AtLeast1,
        size: AtLeast1 | list[AtLeast1] | None,
        channels: Literal[1, 3] | None,
        fit: Literal["crop", "pad", "stretch"],
        max_pixels: AtLeast1,
        max_frames: AtLeast1,
        on_error: Literal["refuse", "skip"],
        duplicates: Literal["drop", "keep"],
        **rows: Any,
    ):
        super().__init__(**rows)
        self.video_inputs = VideoInputs(
            column=self.video_column,
            frames=frames,
            size=size,
            channels=channels,
            fit=fit,
            max_pixels=max_pixels,
            max_frames=max_frames,
            on_error=on_error,
            duplicates=duplicates,
        )
        self.inputs.append(self.video_inputs)
