"""Data sets of files of clips: a folder for each class, or a table with a column of paths."""

from typing import Any

from lepton.dataset.file_folder import FileFolder
from lepton.dataset.load.streaming import FileSource, reads_as
from lepton.dataset.read.file_table import FileTable
from lepton.dataset.video import VideoData
from lepton.values.bounds import AtLeast0, NotBelow0

VIDEO_ENDINGS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".ogv"),
    *(".flv", ".wmv", ".3gp", ".gif"),
)


class VideoFolder(VideoData, FileFolder):
    """A folder with a folder of clips for each class, or a CSV of paths and labels."""

    folder_keys = ("path", "test_path", "root")
    root_keys = ("root",)

    def __init__(
        self,
        *,
        path: str,
        test_path: str | None,
        video: str,
        root: str | None,
        encoding: str,
        memory_gb: NotBelow0 | None,
        cache_gb: NotBelow0 | None,
        decoding_threads: AtLeast0,
        **clips: Any,
    ):
        self.video_column = video
        super().__init__(**clips)
        self.paths, self.memory_gb = (path, test_path), memory_gb
        self.cache_gb, self.decoding_threads = cache_gb, decoding_threads
        skips = self.video_inputs.on_error == "skip"
        self.table = FileTable("clip", video, "video", VIDEO_ENDINGS, root, encoding, skips)

    def stream_source(self) -> FileSource | None:
        """The files; None where their size is not given, and in a class of the user's own that
        reads other rows."""
        return self.file_source() if reads_as(self, VideoFolder) else None
