"""Data sets of the user's Parquet files."""

from typing import Any

import pandas as pd

from lepton.dataset.load.streaming import FileSource, reads_as
from lepton.dataset.read.parquet_file import ParquetTable, count_cells, read_parquet
from lepton.dataset.read.raw_table import RawTable
from lepton.dataset.tabular import TabularData
from lepton.values.bounds import NotBelow0

CELL_BYTES = 8  # of memory that a cell takes where all rows are prepared at once, about


class Parquet(TabularData):
    """A Parquet file, and a second one of the same columns to test on, if `test_path` names it."""

    def __init__(
        self, *, path: str, test_path: str | None, memory_gb: NotBelow0 | None, **table: Any
    ):
        super().__init__(**table)
        self.paths, self.memory_gb = (path, test_path), memory_gb

    def file_names(self) -> tuple[str, str]:
        """The paths of both files, as they were given."""
        path, test_path = self.paths
        return path, test_path or ""

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The rows of the data file, and of the test file where there is one."""
        path, test_path = self.paths
        return read_parquet(path), read_parquet(test_path) if test_path else None

    def tables(self) -> tuple[RawTable, RawTable | None]:
        """The rows of the same files, a column or a block of rows at a time."""
        if not reads_as(self, Parquet):
            return super().tables()
        path, test_path = self.paths
        return ParquetTable(path), ParquetTable(test_path) if test_path else None

    def stream_source(self) -> FileSource | None:
        """The files, which a class of the user's own that changes their rows reads whole."""
        if not reads_as(self, Parquet):
            return None
        paths = [path for path in self.paths if path]
        return FileSource(
            paths=paths,
            options={},
            bytes=sum(CELL_BYTES * count_cells(path) for path in paths),
        )
