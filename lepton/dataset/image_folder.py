"""Data sets of image files: a folder for each class, or a table with a column of paths."""

import math
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.dataset.image import ImageData
from lepton.dataset.load.streaming import FileSource, reads_as
from lepton.dataset.read.file_table import FileTable
from lepton.image.decoding import IMAGE_ENDINGS
from lepton.values.bounds import NotBelow0

COLOURS = 3


class ImageFolder(ImageData):
    """A folder with a folder of images for each class, or a CSV of paths and labels.

    `root`: the folder that the paths of a CSV start from; none leads out of it.
    """

    folder_keys = ("path", "test_path", "root")

    def __init__(
        self,
        *,
        path: str,
        test_path: str | None,
        image: str,
        root: str | None,
        memory_gb: NotBelow0 | None,
        **images: Any,
    ):
        self.image_column = image
        super().__init__(**images)
        self.paths, self.root, self.memory_gb = (path, test_path), root, memory_gb
        self.table = FileTable("image", image, "image", IMAGE_ENDINGS, root)

    def file_names(self) -> tuple[str, str]:
        """The paths of both, as they were given."""
        path, test_path = self.paths
        return path, test_path or ""

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The paths of the images with their labels."""
        frame, test = self._frames
        return frame.copy(deep=False), None if test is None else test.copy(deep=False)

    @cached_property
    def _frames(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        path, test_path = self.paths
        least_classes = 2 if self.only_class is None else 1
        table = self.table.read(path, least_classes=least_classes)
        if test_path is None:
            return table, None
        return table, self.table.read(test_path, least_classes=least_classes)

    def stream_source(self) -> FileSource | None:
        """The image files; None where their size is not given, and in a class of the
        user's own that reads other rows."""
        shape = self.image_inputs.shape
        if not reads_as(self, ImageFolder) or shape.size is None:
            return None
        frames = [frame for frame in self.read() if frame is not None]
        paths = [path for frame in frames for path in frame[self.image_column]]
        tables = [path for path in self.paths if path and not Path(path).expanduser().is_dir()]
        return FileSource(
            paths=[*tables, *(path for path in paths if not tables or os.path.isfile(path))],
            options={"image": self.image_column, "root": self.root},
            bytes=len(paths) * (shape.channels or COLOURS) * math.prod(shape.size),
        )
