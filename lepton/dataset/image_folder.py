"""Data sets of image files: a folder for each class, or a table with a column of paths."""

from typing import Any

from lepton.dataset.file_folder import FileFolder
from lepton.dataset.image import ImageData
from lepton.dataset.load.streaming import FileSource, reads_as
from lepton.dataset.read.file_table import FileTable
from lepton.image.decoding import IMAGE_ENDINGS
from lepton.values.bounds import AtLeast0, NotBelow0


class ImageFolder(ImageData, FileFolder):
    """A folder with a folder of images for each class, or a CSV of paths and labels."""

    folder_keys = ("path", "test_path", "root")
    root_keys = ("root",)

    def __init__(
        self,
        *,
        path: str,
        test_path: str | None,
        image: str,
        root: str | None,
        encoding: str,
        memory_gb: NotBelow0 | None,
        cache_gb: NotBelow0 | None,
        decoding_threads: AtLeast0,
        **images: Any,
    ):
        self.image_column = image
        super().__init__(**images)
        self.paths, self.memory_gb = (path, test_path), memory_gb
        self.cache_gb, self.decoding_threads = cache_gb, decoding_threads
        skips = self.image_inputs.on_error == "skip"
        self.table = FileTable("image", image, "image", IMAGE_ENDINGS, root, encoding, skips)

    def stream_source(self) -> FileSource | None:
        """The files; None where their size is not given, and in a class of the user's own that
        reads other rows."""
        return self.file_source() if reads_as(self, ImageFolder) else None
