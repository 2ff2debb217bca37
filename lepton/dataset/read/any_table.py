"""Reads a table by the ending of its file: delimited, JSON lines, or Parquet."""

from pathlib import Path
from typing import Any

import pandas as pd

from lepton.dataset.read.csv_file import read_csv
from lepton.dataset.read.json_lines import read_json_lines
from lepton.dataset.read.parquet_file import read_parquet

PARQUET, LINES_OF_JSON = (".parquet", ".pq"), (".jsonl", ".ndjson")


def read_table(path: str, *, encoding: str, **csv_options: Any) -> pd.DataFrame:
    """The rows of a file; `csv_options` are those of a delimited one.

    Raises: DataError where it cannot be read.
    """
    ending = Path(path).suffix.lower()
    if ending in PARQUET:
        return read_parquet(path)
    if ending in LINES_OF_JSON:
        return read_json_lines(path, encoding=encoding)
    return read_csv(path, encoding=encoding, header=True, names=None, **csv_options)
