"""Writes rows, block by block, into a file that has its name when it is whole."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from lepton.errors import DataError, LeptonError
from lepton.foreign_text import spreadsheet_safe

Write = Callable[[pd.DataFrame], None]


@contextmanager
def row_writer(path: Path) -> Iterator[Write]:
    """What appends rows to a new file, a CSV, Parquet or JSON lines one by its ending.

    The file takes the place of another one of its name when all are written, or is not there.

    Raises: LeptonError for another ending, and where it cannot be written.
    """
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise LeptonError(
            f"--out {path}: the ending {path.suffix!r} is none of {', '.join(WRITERS)}"
        )
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as e:
        raise LeptonError(f"--out {path}: cannot be written ({e.strerror})") from None
    try:
        with os.fdopen(descriptor, "wb") as file, writer(file) as write:
            yield write
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except OSError as e:
        raise LeptonError(f"--out {path}: cannot be written ({e.strerror or e})") from None
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


@contextmanager
def _csv(file: IO[bytes]) -> Iterator[Write]:
    has_header = False

    def write(frame: pd.DataFrame) -> None:
        nonlocal has_header
        spreadsheet_safe(frame).to_csv(file, index=False, header=not has_header)
        has_header = True

    yield write


@contextmanager
def _json_lines(file: IO[bytes]) -> Iterator[Write]:
    def write(frame: pd.DataFrame) -> None:
        if len(frame):
            text = frame.to_json(orient="records", lines=True, date_format="iso", force_ascii=False)
            file.write(text.encode())

    yield write


@contextmanager
def _parquet(file: IO[bytes]) -> Iterator[Write]:
    writer: parquet.ParquetWriter | None = None

    def write(frame: pd.DataFrame) -> None:
        nonlocal writer
        current = writer or parquet.ParquetWriter(file, _schema(frame))
        writer = current
        try:
            rows = pa.Table.from_pandas(frame, schema=current.schema, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as e:
            raise DataError(f"a column to keep has other cells than before ({e})") from None
        current.write_table(rows)

    try:
        yield write
    finally:
        if writer:
            writer.close()


def _schema(frame: pd.DataFrame) -> pa.Schema:
    """The types of the first rows; a column that is empty in them is taken to be of texts."""
    schema = pa.Schema.from_pandas(frame, preserve_index=False)
    fields = [f.with_type(pa.string()) if pa.types.is_null(f.type) else f for f in schema]
    return pa.schema(fields)


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
