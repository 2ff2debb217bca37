"""Delimited text files of the user's."""

import pandas as pd

from lepton.dataset.read.csv_file import read_csv
from lepton.dataset.tabular import TabularData


class Csv(TabularData):
    """A CSV file, and a second one of the same columns to test on where `test_path` names it."""

    def __init__(
        self,
        *,
        path: str,
        test_path: str | None,
        separator: str | None,
        quote: str | None,
        decimal: str | None,
        encoding: str,
        header: bool,
        names: list[str] | None,
        missing: list[str],
        target_strip: str | None,
        **table,
    ):
        super().__init__(**table)
        self.paths = path, test_path
        self.strip = target_strip
        self.form = {
            "separator": separator,
            "quote": quote,
            "decimal": decimal,
            "encoding": encoding,
            "header": header,
            "names": names,
            "missing": missing,
        }

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        path, test_path = self.paths
        return self._read(path), self._read(test_path) if test_path else None

    def _read(self, path: str) -> pd.DataFrame:
        frame = read_csv(path, **self.form)
        targets = [self.target] if isinstance(self.target, str) else self.target
        for name in frame.columns.intersection(targets if self.strip else []):
            frame[name] = frame[name].str.rstrip(self.strip)
        return frame
