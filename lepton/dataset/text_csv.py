"""Data sets of the user's files of texts: delimited, JSON lines, or Parquet."""

from pathlib import Path
from typing import Any

import pandas as pd

from lepton.dataset.load.streaming import FileSource, reads_as
from lepton.dataset.read.csv_file import open_csv, read_csv
from lepton.dataset.read.json_lines import read_json_lines
from lepton.dataset.read.labelled_lines import read_labelled_lines
from lepton.dataset.read.parquet_file import ParquetTable, read_parquet
from lepton.dataset.read.raw_table import RawTable
from lepton.dataset.text import TextData
from lepton.errors import DataError
from lepton.values.bounds import NotBelow0

PARQUET, LINES_OF_JSON = (".parquet", ".pq"), (".jsonl", ".ndjson")


class TextCsv(TextData):
    """A file, and a second one of the same columns to test on where `test_path` names it."""

    def __init__(
        self,
        *,
        path: str,
        test_path: str | None,
        separator: str | None,
        quote: str | None,
        rest: bool,
        encoding: str,
        header: bool,
        names: list[str] | None,
        missing: list[str],
        memory_gb: NotBelow0 | None,
        **text: Any,
    ):
        super().__init__(**text)
        self.paths, self.last_is_rest = (path, test_path), rest
        self.memory_gb = memory_gb
        self.line_options = {
            "separator": separator,
            "encoding": encoding,
            "header": header,
            "names": names,
        }
        self.csv_options = {"quote": quote, "missing": missing, "decimal": None}

    def file_names(self) -> tuple[str, str]:
        """The paths of both files, as they were given."""
        path, test_path = self.paths
        return path, test_path or ""

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The rows of the data file, and of the test file where there is one."""
        path, test_path = self.paths
        return self._read(path), self._read(test_path) if test_path else None

    def tables(self) -> tuple[RawTable, RawTable | None]:
        """The rows of the same files, a column or a block of rows at a time where streamed."""
        if not self.arrays.streamed:
            return super().tables()
        path, test_path = self.paths
        return self._open(path), self._open(test_path) if test_path else None

    def stream_source(self) -> FileSource | None:
        """The files, which a class of the user's own that changes their rows reads whole."""
        if not reads_as(self, TextCsv):
            return None
        paths = [path for path in self.paths if path]
        if absent := [path for path in paths if not Path(path).expanduser().is_file()]:
            raise DataError(f"{absent[0]}: no such file (looked in {Path.cwd()})")
        whole = None
        if any(Path(path).suffix.lower() in LINES_OF_JSON for path in paths):
            whole = "JSON lines are read at once; write them as Parquet"
        elif self.last_is_rest:
            whole = "dataset.rest=true reads all lines at once; write them as Parquet"
        return FileSource(
            paths=paths,
            options={**self.line_options, **self.csv_options},
            bytes=sum(map(_bytes, paths)),
            whole=whole,
        )

    def _open(self, path: str) -> RawTable:
        if Path(path).suffix.lower() in PARQUET:
            return ParquetTable(path)
        return open_csv(path, **self.line_options, **self.csv_options)

    def _read(self, path: str) -> pd.DataFrame:
        ending = Path(path).suffix.lower()
        if ending in PARQUET:
            return read_parquet(path)
        if ending in LINES_OF_JSON:
            return read_json_lines(path, encoding=self.line_options["encoding"])
        if self.last_is_rest:
            return read_labelled_lines(path, **self.line_options)
        return read_csv(path, **self.line_options, **self.csv_options)


def _bytes(path: str) -> int:
    """What the texts of a file take, about: those of Parquet are stored packed."""
    if Path(path).suffix.lower() in PARQUET:
        return ParquetTable(path).unpacked_bytes()
    return Path(path).expanduser().stat().st_size
