"""Data sets of the user's CSV files."""

from pathlib import Path
from typing import Any, Literal

import pandas as pd

from lepton.dataset.clean.missing_words import refuse_missing_classes, refuse_missing_groups
from lepton.dataset.load.streaming import FileSource, reads_as
from lepton.dataset.read.csv_file import open_csv, read_csv
from lepton.dataset.read.raw_table import RawTable, StrippedTable
from lepton.dataset.tabular import TabularData
from lepton.values.bounds import NotBelow0


class Csv(TabularData):
    """A CSV file, and a second one of the same columns to test on where `test_path` names it."""

    def __init__(
        self,
        *,
        path: str,
        test_path: str | None,
        separator: str | None,
        quote: str | None,
        decimal: Literal[".", ","] | None,
        encoding: str,
        header: bool,
        names: list[str] | None,
        missing: list[str],
        missing_target: Literal["ask", "drop"],
        target_strip: str | None,
        memory_gb: NotBelow0 | None,
        **table: Any,
    ):
        super().__init__(**table)
        self.paths = path, test_path
        self.target_strip, self.memory_gb = target_strip, memory_gb
        self.missing_target: Literal["ask", "drop"] = missing_target
        self.csv_options = {
            "separator": separator,
            "quote": quote,
            "decimal": decimal,
            "encoding": encoding,
            "header": header,
            "names": names,
            "missing": missing,
        }

    def file_names(self) -> tuple[str, str]:
        """The paths of both files, as they were given."""
        path, test_path = self.paths
        return path, test_path or ""

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The rows of the data file, and of the test file where there is one."""
        path, test_path = self.paths
        return self._read(path), self._read(test_path) if test_path else None

    def tables(self) -> tuple[RawTable, RawTable | None]:
        """The rows of the same files, a column or a block of rows at a time."""
        if not reads_as(self, Csv):
            return super().tables()
        path, test_path = self.paths
        return self._open(path), self._open(test_path) if test_path else None

    def refuse_rows(self, table: RawTable) -> None:
        """Raises: DataError for classes, groups or splits that `missing` would take away."""
        missing = self.csv_options["missing"]
        refuse_missing_groups(table, self.split_settings.column, missing)
        if self.missing_target == "ask":
            refuse_missing_classes(table, self.target_columns(), self.task, missing)

    def stream_source(self) -> FileSource | None:
        """The files, which a class of the user's own that changes their rows reads whole."""
        if not reads_as(self, Csv):
            return None
        paths = [path for path in self.paths if path]
        return FileSource(
            paths=paths,
            options={
                **self.csv_options,
                "target_strip": self.target_strip,
                "missing_target": self.missing_target,
            },
            bytes=sum(Path(path).expanduser().stat().st_size for path in paths),
        )

    def _read(self, path: str) -> pd.DataFrame:
        frame = read_csv(path, **self.csv_options)
        if self.target_strip:
            for name in frame.columns.intersection(self.target_columns()):
                frame[name] = frame[name].str.rstrip(self.target_strip)
        return frame

    def _open(self, path: str) -> RawTable:
        table = open_csv(path, **self.csv_options)
        if not self.target_strip:
            return table
        return StrippedTable(table, self.target_columns(), self.target_strip)
