"""Writes rows, block by block, into a file that has its name when it is whole."""

import datetime
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from lepton.errors import DataError, LeptonError
from lepton.foreign_text import spreadsheet_safe

Write = Callable[[pd.DataFrame], None]
Types = dict[str, pa.DataType]


@contextmanager
def row_writer(path: Path, types: Types) -> Iterator[Write]:
    """What appends rows to a new file, a CSV, Parquet or JSON lines one by its ending.

    The file takes the place of another one of its name, or of that which a link of its name leads
    to, when all are written, or is not there. `types` are those of columns, for a Parquet file; of
    the others it takes those of the first rows.

    Raises: LeptonError for another ending, and where it cannot be written.
    """
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise LeptonError(
            f"--out {path}: the ending {path.suffix!r} is none of {', '.join(WRITERS)}"
        )
    target = Path(os.path.realpath(path))
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as e:
        raise LeptonError(f"--out {path}: cannot be written ({e.strerror})") from None
    try:
        with os.fdopen(descriptor, "wb") as file, writer(file, types) as write:
            yield write
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, target)
    except OSError as e:
        raise LeptonError(f"--out {path}: cannot be written ({e.strerror or e})") from None
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


@contextmanager
def _csv(file: IO[bytes], types: Types) -> Iterator[Write]:
    has_header = False

    def write(frame: pd.DataFrame) -> None:
        nonlocal has_header
        spreadsheet_safe(frame).to_csv(file, index=False, header=not has_header)
        has_header = True

    yield write


@contextmanager
def _json_lines(file: IO[bytes], types: Types) -> Iterator[Write]:
    def write(frame: pd.DataFrame) -> None:
        names = [str(name) for name in frame]
        for cells in zip(*(_json_cells(frame[name]) for name in frame), strict=True):
            row = dict(zip(names, cells, strict=True))
            file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")

    yield write


def _json_cells(column: pd.Series) -> list[object]:
    """The cells as JSON has them: no digit less, dates in ISO 8601, null for what is missing."""
    if column.dtype.kind == "f":
        numbers = column.to_numpy()
        return [float(str(cell)) if np.isfinite(cell) else None for cell in numbers]
    missing = column.isna()
    return [None if gone else _json_cell(cell) for cell, gone in zip(column, missing, strict=True)]


def _json_cell(cell: Any) -> object:
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    return cell if isinstance(cell, str | bool | int | float) else str(cell)


@contextmanager
def _parquet(file: IO[bytes], types: Types) -> Iterator[Write]:
    writer: parquet.ParquetWriter | None = None

    def write(frame: pd.DataFrame) -> None:
        nonlocal writer
        try:
            current = writer or parquet.ParquetWriter(file, _schema(frame, types))
            writer = current
            rows = pa.Table.from_pandas(frame, schema=current.schema, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as e:
            name = _mixed_column(frame, writer and writer.schema)
            raise DataError(
                f"column {name!r}: has cells of several types, as Parquet cannot ({e.args[0]}); "
                "write .csv or .jsonl, or leave it out by keep"
            ) from None
        current.write_table(rows)

    try:
        yield write
    finally:
        if writer:
            writer.close()


def _schema(frame: pd.DataFrame, types: Types) -> pa.Schema:
    """The types that are given, or else of the first rows; of texts where these are empty."""
    schema = pa.Schema.from_pandas(frame, preserve_index=False)
    found = ((f, types.get(f.name, f.type)) for f in schema)
    fields = [f.with_type(pa.string() if pa.types.is_null(t) else t) for f, t in found]
    return pa.schema(fields)


def _mixed_column(frame: pd.DataFrame, schema: pa.Schema | None) -> object:
    """The first column with cells that are not of one type, or not of that of the schema."""
    for name in frame:
        try:
            pa.Array.from_pandas(frame[name], type=schema and schema.field(str(name)).type)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            return name
    return None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


WRITERS = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".pq": _parquet,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
