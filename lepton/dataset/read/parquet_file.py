"""Parquet files read as tables with their own column types."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.read.column_names import duplicate_names
from lepton.dataset.read.system_file import refuse_system_file
from lepton.errors import DataError

CELLS_AHEAD = 1 << 18  # of columns that are read with one: each read looks through all names anew


class ParquetTable:
    """A Parquet file with its own column types; an index that pandas stored unnamed is left out.

    `files` is the name of a column whose cells may be contents of files.
    Raises: DataError naming the file, and the column that is not one value per row.
    """

    def __init__(self, path: str, *, files: str | None = None):
        self.path, self.source = path, self
        self.notes: list[CleaningNote] = []
        self.missing_words: dict[str, Counter[str]] = {}
        file = Path(path).expanduser()
        if file.is_dir():
            raise DataError(f"{path}: a folder, not a file")
        if not file.is_file():
            raise DataError(f"{path}: no such file (looked in {Path.cwd()})")
        refuse_system_file(path)
        with self._whole():
            self.file = parquet.ParquetFile(file, memory_map=True)
            schema = self.file.schema_arrow
        for field in schema:
            if not is_one_value(field.type) and field.name != files:
                raise DataError(
                    f"{path}, column {field.name!r}: {field.type} is not one number, text, "
                    "boolean or date per row; convert or drop it"
                )
        if len(self) == 0:
            raise DataError(f"{path}: no rows")
        names = [name for name in schema.names if not name.startswith("__index_level_")]
        for name in duplicate_names(names):
            raise DataError(f"{path}: two columns are called {name!r}")
        self.columns = pd.Index(names)
        self.types = dict(zip(schema.names, schema.types, strict=True))
        self.ahead: dict[str, pd.Series] = {}

    def __len__(self) -> int:
        return self.file.metadata.num_rows

    def unpacked_bytes(self) -> int:
        """The bytes of all cells, as they are before they are compressed."""
        metadata = self.file.metadata
        groups = map(metadata.row_group, range(metadata.num_row_groups))
        return sum(group.total_byte_size for group in groups)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> pd.Series:
        if name not in self.ahead:
            start = int(self.columns.get_indexer(pd.Index([name]))[0])
            at_once = max(1, CELLS_AHEAD // len(self))
            frame = self.frame(list(self.columns[start : start + at_once]))
            self.ahead = dict(frame.items())
        return self.ahead.pop(name)

    def whole_columns(self, names: list[str]) -> pa.Table:
        with self._whole():
            table = self.file.read(columns=names, use_threads=False).select(names)
            table.validate(full=True)  # whether texts are UTF-8, say
        return table.replace_schema_metadata()  # of all columns, which would be read with each

    def cell_type(self, name: str) -> object:
        return self.types[name]

    def frame(self, names: list[str]) -> pd.DataFrame:
        """The same for who knows DataFrames alone."""
        return self.whole_columns(names).to_pandas(ignore_metadata=True)

    def blocks(self, names: list[str], rows: int) -> Iterator[pd.DataFrame]:
        """Columns of consecutive rows, in order, `rows` at most in a block."""
        with self._whole():
            for batch in self.file.iter_batches(batch_size=rows, columns=names, use_threads=False):
                yield batch.select(names).to_pandas(ignore_metadata=True)

    def exact_blocks(self, names: list[str], rows: int) -> Iterator[pd.DataFrame]:
        """The same with whole numbers as they are, where one is missing as Python's beside None."""
        with self._whole():
            for batch in self.file.iter_batches(batch_size=rows, columns=names, use_threads=False):
                frame = batch.select(names)
                yield frame.to_pandas(ignore_metadata=True, integer_object_nulls=True)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Raises: DataError where the file turns out not to be whole."""
        try:
            yield
        except (pa.ArrowInvalid, OSError) as e:
            reason = str(e).splitlines()[0]
            raise DataError(f"{self.path}: not a whole Parquet file ({reason})") from None


def read_parquet(path: str, *, files: str | None = None) -> pd.DataFrame:
    """A Parquet file as a DataFrame, of which the column `files` may hold contents of files.

    Raises: DataError, as ParquetTable.
    """
    table = ParquetTable(path, files=files)
    return table.frame(list(table.columns))


def count_cells(path: str) -> int:
    """Rows times columns of a Parquet file.

    Raises: DataError, as ParquetTable.
    """
    table = ParquetTable(path)
    return len(table) * len(table.columns)


def is_one_value(kind: pa.DataType) -> bool:
    """True when a cell of this type is a number, a text, a boolean or a date."""
    is_binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    return not (pa.types.is_nested(kind) or pa.types.is_duration(kind) or is_binary)
