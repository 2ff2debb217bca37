"""FileFolder: what data sets of files share, whether pictures, sounds or clips."""

from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.dataset.decoding_budget import DecodingBudget
from lepton.dataset.load.streaming import FileSource
from lepton.dataset.read.file_table import FileTable


class FileFolder(DecodingBudget):
    """Beside the base of a kind: reads a folder with a folder of files for each class, or a CSV.

    A subclass sets `paths` (`dataset.path` and `test_path`) and `table`.
    """

    layout_keys = ("encoding",)
    paths: tuple[str, str | None]
    table: FileTable

    def file_names(self) -> tuple[str, str]:
        """The paths of both, as they were given."""
        path, test_path = self.paths
        return path, test_path or ""

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The paths of the files with their labels."""
        frame, test = self._frames
        return frame.copy(deep=False), None if test is None else test.copy(deep=False)

    @cached_property
    def _frames(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        path, test_path = self.paths
        return self.read_one(path), self.read_one(test_path) if test_path else None

    def read_one(self, path: str) -> pd.DataFrame:
        """The paths of the files that one path leads to, with their labels."""
        return self.table.read(path, least_classes=2 if self.only_class is None else 1)

    def file_source(self, **options: Any) -> FileSource | None:
        """The files and the options that they are read by; None where the files decide what they
        become."""
        if (file_bytes := self.file_bytes()) is None:
            return None
        cells = [cell for frame in self.read() if frame is not None for cell in frame[self.column]]
        tables = [path for path in self.paths if path and not Path(path).expanduser().is_dir()]
        paths = [cell for cell in cells if isinstance(cell, str)]
        return FileSource(
            paths=[*tables, *paths],
            options={"column": self.column, "root": self.table.root, **options},
            bytes=len(cells) * file_bytes,
        )

    @property
    def column(self) -> str:
        """The column of paths."""
        return self.table.column
