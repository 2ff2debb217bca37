"""Data sets of the user's files of texts: delimited, JSON lines, or Parquet."""

from pathlib import Path
from typing import Any

import pandas as pd

from lepton.dataset.read.csv_file import read_csv
from lepton.dataset.read.json_lines import read_json_lines
from lepton.dataset.read.labelled_lines import read_labelled_lines
from lepton.dataset.read.parquet_file import read_parquet
from lepton.dataset.text import TextData


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
        **text: Any,
    ):
        super().__init__(**text)
        self.paths, self.last_is_rest = (path, test_path), rest
        self.line_options = {
            "separator": separator,
            "encoding": encoding,
            "header": header,
            "names": names,
        }
        self.csv_options = {"quote": quote, "missing": missing, "decimal": None}

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The rows of the data file, and of the test file where there is one."""
        path, test_path = self.paths
        return self._read(path), self._read(test_path) if test_path else None

    def _read(self, path: str) -> pd.DataFrame:
        match Path(path).suffix.lower():
            case ".parquet" | ".pq":
                return read_parquet(path)
            case ".jsonl" | ".ndjson":
                return read_json_lines(path, encoding=self.line_options["encoding"])
        if self.last_is_rest:
            return read_labelled_lines(path, **self.line_options)
        return read_csv(path, **self.line_options, **self.csv_options)
