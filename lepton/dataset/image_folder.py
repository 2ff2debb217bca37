"""Data sets of image files: a folder for each class, or a table with a column of paths."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.suggestion import suggestion
from lepton.dataset.image import ImageData
from lepton.dataset.load.streaming import FileSource, reads_as
from lepton.dataset.read.class_folders import files_by_class
from lepton.dataset.read.csv_file import read_csv
from lepton.errors import DataError

IMAGE_ENDINGS = (
    *(".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"),
    *(".pbm", ".pgm", ".ppm", ".jp2", ".tga"),
)
CSV_OPTIONS: dict[str, Any] = {
    **{"separator": None, "quote": '"', "decimal": None, "encoding": "utf-8"},
    **{"header": True, "names": None, "missing": [""]},
}
COLOURS = 3
LABEL = "label"  # the column of class names that folders give


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
        memory_gb: float | None,
        **images: Any,
    ):
        self.image_column = image
        super().__init__(**images)
        self.paths, self.root, self.memory_gb = (path, test_path), root, memory_gb

    def file_names(self) -> tuple[str, str]:
        """The paths of both, as they were given."""
        path, test_path = self.paths
        return path, test_path or ""

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The paths of the images with their labels."""
        path, test_path = self.paths
        return self._read(path), self._read(test_path) if test_path else None

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
            paths=[*tables, *(path for path in paths if Path(path).is_file())],
            options={"image": self.image_column, "root": self.root},
            bytes=len(paths) * (shape.channels or COLOURS) * math.prod(shape.size),
        )

    def _read(self, path: str) -> pd.DataFrame:
        folder = Path(path).expanduser()
        if not folder.is_dir():
            return self._read_table(folder)
        if self.root is not None:
            raise DataError(
                f"dataset.root={self.root}: is for the paths of a CSV, and {path} is a folder"
            )
        files, strays = files_by_class(folder, IMAGE_ENDINGS, what="image")
        frame = pd.DataFrame(files, columns=[self.image_column, LABEL])
        if strays:
            remark = f"files that are no images by their ending, left out; the first: {strays[0]}"
            frame.attrs["notes"] = [CleaningNote(remark, len(strays), path)]
        return frame

    def _read_table(self, path: Path) -> pd.DataFrame:
        if self.root is None:
            raise DataError(
                f"dataset.root: give the folder that the paths in {path} start from, "
                f"as dataset.root={path.parent}"
            )
        root = Path(self.root).expanduser()
        if not root.is_dir():
            raise DataError(f"dataset.root={self.root}: no such folder (looked in {Path.cwd()})")
        frame = read_csv(str(path), **CSV_OPTIONS)
        if self.image_column not in frame.columns:
            hint = suggestion(self.image_column, frame.columns)
            raise DataError(f"{path}: dataset.image={self.image_column}: no such column{hint}")
        inside, paths = root.resolve(), []
        for row, cell in enumerate(frame[self.image_column], 1):
            if not isinstance(cell, str) or not cell.strip():
                raise DataError(f"{path}, row {row}: column {self.image_column!r} holds no path")
            if not (root / cell).resolve().is_relative_to(inside):
                raise DataError(f"{path}, row {row}: {cell!r} is outside of dataset.root={root}")
            paths.append(str(root / cell))
        attrs = frame.attrs
        frame = frame.assign(
            **{self.image_column: pd.Series(paths, dtype=object, index=frame.index)}
        )
        frame.attrs = attrs
        return frame
