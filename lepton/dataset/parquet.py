"""Data sets of the user's Parquet files."""

from typing import Any

import pandas as pd

from lepton.dataset.read.parquet_file import ParquetTable, read_parquet
from lepton.dataset.read.raw_table import RawTable
from lepton.dataset.tabular import TabularData


class Parquet(TabularData):
    """A Parquet file, and a second one of the same columns to test on, if `test_path` names it."""

    def __init__(self, *, path: str, test_path: str | None, **table: Any):
        super().__init__(**table)
        self.paths = path, test_path

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The rows of the data file, and of the test file where there is one."""
        path, test_path = self.paths
        return read_parquet(path), read_parquet(test_path) if test_path else None

    def tables(self) -> tuple[RawTable, RawTable | None]:
        """The rows of the same files, a column or a block of rows at a time."""
        if self.changes_frames(Parquet):
            return super().tables()
        path, test_path = self.paths
        return ParquetTable(path), ParquetTable(test_path) if test_path else None
