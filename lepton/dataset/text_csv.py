"""Files of texts of the user's: delimited, JSON lines, Parquet."""

from pathlib import Path

import pandas as pd

from lepton.dataset.read.csv_file import read_csv
from lepton.dataset.read.json_lines import read_json_lines
from lepton.dataset.read.labelled_lines import read_lines
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
        **text,
    ):
        super().__init__(**text)
        self.paths, self.rest = (path, test_path), rest
        self.form = {
            "separator": separator,
            "quote": quote,
            "encoding": encoding,
            "header": header,
            "names": names,
            "missing": missing,
        }

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        path, test_path = self.paths
        return self._read(path), self._read(test_path) if test_path else None

    def _read(self, path: str) -> pd.DataFrame:
        match Path(path).suffix.lower():
            case ".parquet" | ".pq":
                return read_parquet(path)
            case ".jsonl" | ".ndjson":
                return read_json_lines(path, encoding=self.form["encoding"])
        if self.rest:
            form = {key: self.form[key] for key in ("separator", "encoding", "header", "names")}
            return read_lines(path, **form)
        return read_csv(path, decimal=None, **self.form)
