"""Parquet files, read as tables with their own column types."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from lepton.errors import DataError


def read_parquet(path: str) -> pd.DataFrame:
    """The file with its own column types; an index that pandas stored unnamed is left out.

    Raises: DataError naming the file, and the column that is not one value per row.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        what = "a folder, not a file" if file.is_dir() else f"no such file (looked in {Path.cwd()})"
        raise DataError(f"{path}: {what}")
    try:
        table = parquet.read_table(file, partitioning=None)
        table.validate(full=True)  # whether texts are UTF-8, say
    except (pa.ArrowInvalid, OSError) as e:
        raise DataError(f"{path}: not a whole Parquet file ({str(e).splitlines()[0]})") from None
    for field in table.schema:
        if _unfit(field.type):
            raise DataError(
                f"{path}, column {field.name!r}: {field.type} is not one number, text, "
                "boolean or date per row; convert or drop it"
            )
    if table.num_rows == 0:
        raise DataError(f"{path}: no rows")
    names = [n for n in table.column_names if not n.startswith("__index_level_")]
    if len(set(names)) < len(names):
        twin = next(n for n in names if names.count(n) > 1)
        raise DataError(f"{path}: two columns are called {twin!r}")
    return table.select(names).to_pandas(ignore_metadata=True)


def _unfit(kind: pa.DataType) -> bool:
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    return pa.types.is_nested(kind) or pa.types.is_duration(kind) or binary
