"""ArrowFile: a file in a cell of an Arrow table, of which nothing is in memory until it is read."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from lepton.storage.file_cell import UnreadCell


@dataclass(frozen=True, slots=True, eq=False)
class ArrowFile(UnreadCell):
    """A row of a column whose cells have the bytes of a file, its path, or both."""

    column: pa.ChunkedArray
    row: int

    @property
    def path(self) -> Any:
        return self.column[self.row]["path"].as_py()

    def read(self) -> dict[str, Any]:
        return self.column[self.row].as_py()


def unread_files(column: pa.ChunkedArray) -> pd.Series:
    """The files of a column; None where there is none."""
    is_there = column.is_valid().to_pylist()
    cells = [ArrowFile(column, row) if there else None for row, there in enumerate(is_there)]
    return pd.Series(cells, dtype=object)
