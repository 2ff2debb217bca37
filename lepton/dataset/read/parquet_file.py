"""Parquet files read as tables with their own column types."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from lepton.dataset.read.column_names import duplicate_names
from lepton.errors import DataError


def read_parquet(path: str) -> pd.DataFrame:
    """The file with its own column types; an index that pandas stored unnamed is left out.

    Raises: DataError naming the file, and the column that is not one value per row.
    """
    file = Path(path).expanduser()
    if file.is_dir():
        raise DataError(f"{path}: a folder, not a file")
    if not file.is_file():
        raise DataError(f"{path}: no such file (looked in {Path.cwd()})")
    try:
        table = parquet.read_table(file, partitioning=None)
        table.validate(full=True)  # whether texts are UTF-8, say
    except (pa.ArrowInvalid, OSError) as e:
        raise DataError(f"{path}: not a whole Parquet file ({str(e).splitlines()[0]})") from None
    for field in table.schema:
        if not _is_one_value(field.type):
            raise DataError(
                f"{path}, column {field.name!r}: {field.type} is not one number, text, "
                "boolean or date per row; convert or drop it"
            )
    if table.num_rows == 0:
        raise DataError(f"{path}: no rows")
    names = [name for name in table.column_names if not name.startswith("__index_level_")]
    for name in duplicate_names(names):
        raise DataError(f"{path}: two columns are called {name!r}")
    return table.select(names).to_pandas(ignore_metadata=True)


def _is_one_value(kind: pa.DataType) -> bool:
    """True when a cell of this type is a number, a text, a boolean or a date."""
    is_binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    return not (pa.types.is_nested(kind) or pa.types.is_duration(kind) or is_binary)
