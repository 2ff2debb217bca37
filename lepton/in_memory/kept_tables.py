"""Tables kept in a study as Parquet, each once, in a file named by what it holds."""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from lepton.storage.files import locked_folder, sync_path, unwritable_study
from lepton.storage.run_folder import DATA_FOLDER

DIGITS = 16  # of a content
ENDING = ".parquet"


def kept_path(table: pa.Table, study: Path) -> Path:
    """The file in which a study keeps a table."""
    return study / DATA_FOLDER / f"{content_digest(table)}{ENDING}"


def content_digest(table: pa.Table) -> str:
    """Hexadecimal digits of names, types and cells of a table, however it lies in memory."""
    digest = hashlib.sha256()
    for name, column in zip(table.column_names, table.columns, strict=True):
        digest.update(repr((name, str(column.type), len(column))).encode())
        digest.update(np.packbits(column.is_null().to_numpy()).tobytes())
        digest.update(_cell_bytes(column.drop_null()))
    return digest.hexdigest()[:DIGITS]


def _cell_bytes(column: pa.ChunkedArray) -> memoryview:
    """The cells of a column without missing ones, the same bytes for the same cells."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    if pa.types.is_boolean(kind):  # whose last byte may hold what lies behind the column
        column = column.cast(pa.int8())
    table, sink = pa.table({"": column.combine_chunks()}), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return memoryview(sink.getvalue())


def keep(table: pa.Table, path: Path) -> bool:
    """Writes the table into the file that is named by it, whole; True where none was there.

    A file that does not hold what its name says is written anew.
    Raises: LeptonError where the study cannot be written to.
    """
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked_folder(folder):
            was_there = path.is_file()
            if was_there and _holds(path):
                return False
            _write(table, path)
            return not was_there
    except OSError as e:
        raise unwritable_study(folder, e) from None


def forget(path: Path) -> None:
    """Removes a kept table that no run reads, and the folders that nothing else lies in."""
    path.unlink(missing_ok=True)
    for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
        with suppress(OSError):  # other things lie there
            folder.rmdir()


def _holds(path: Path) -> bool:
    """True for a file of the content that its name says."""
    try:
        return f"{content_digest(parquet.read_table(path))}{ENDING}" == path.name
    except (pa.ArrowInvalid, OSError):
        return False


def _write(table: pa.Table, path: Path) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    try:
        parquet.write_table(table.replace_schema_metadata(), temporary)
        sync_path(Path(temporary))
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    sync_path(path.parent)
