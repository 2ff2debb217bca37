"""Data sets of files of clips: a folder for each class, or a table with a column of paths."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.dataset.load.streaming import FileSource, reads_as
from lepton.dataset.read.file_table import FileTable
from lepton.dataset.video import VideoData
from lepton.values.bounds import NotBelow0
from lepton.video.decoding import COLOURS

VIDEO_ENDINGS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".ogv"),
    *(".flv", ".wmv", ".3gp", ".gif"),
)


class VideoFolder(VideoData):
    """A folder with a folder of clips for each class, or a CSV of paths and labels.

    `root`: the folder that the paths of a CSV start from; none leads out of it.
    """

    folder_keys = ("path", "test_path", "root")

    def __init__(
        self,
        *,
        path: str,
        test_path: str | None,
        video: str,
        root: str | None,
        memory_gb: NotBelow0 | None,
        **clips: Any,
    ):
        self.video_column = video
        super().__init__(**clips)
        self.paths, self.root, self.memory_gb = (path, test_path), root, memory_gb
        self.table = FileTable("clip", video, "video", VIDEO_ENDINGS, root)

    def file_names(self) -> tuple[str, str]:
        """The paths of both, as they were given."""
        path, test_path = self.paths
        return path, test_path or ""

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The paths of the clips with their labels."""
        path, test_path = self.paths
        return self.table.read(path), self.table.read(test_path) if test_path else None

    def stream_source(self) -> FileSource | None:
        """The files of clips; None where their size is not given, and in a class of the user's own
        that reads other rows."""
        shape = self.video_inputs.shape
        if not reads_as(self, VideoFolder) or shape.picture.size is None:
            return None
        frames = [frame for frame in self.read() if frame is not None]
        paths = [path for frame in frames for path in frame[self.video_column]]
        tables = [path for path in self.paths if path and not Path(path).expanduser().is_dir()]
        pixels = (shape.picture.channels or COLOURS) * math.prod(shape.picture.size)
        return FileSource(
            paths=[*tables, *(path for path in paths if Path(path).is_file())],
            options={"video": self.video_column, "root": self.root},
            bytes=len(paths) * shape.frames * pixels,
        )
