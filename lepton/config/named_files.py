"""What the cells of a table may name: files below a folder, without the option that says where."""

import csv
import json
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

DELIMITERS = ",;\t|"  # of delimited tables
MOST_CHARACTERS = 1024  # of a cell that may be a path
NO_NAMES = frozenset(("", os.curdir, os.pardir))  # that paths into a folder may begin with as well


def names_in(tables: Iterable[str], folder: Path) -> frozenset[str] | None:
    """The texts in cells of tables that may lead to a file below a folder, and few others.

    None where a table or the folder cannot be read without options.
    """
    names: set[str] = set()
    try:
        starts = frozenset(map(str.casefold, os.listdir(folder.expanduser()))) | NO_NAMES
        for table in tables:
            status = os.stat(path := Path(table).expanduser())
            stamp = status.st_size, status.st_mtime_ns, status.st_ctime_ns
            names |= _names(str(path), stamp, starts)
    except (OSError, ValueError, AttributeError, csv.Error):
        return None
    return frozenset(names)


@lru_cache(maxsize=4)
def _names(path: str, stamp: tuple[int, ...], starts: frozenset[str]) -> frozenset[str]:
    """The texts whose first part is one of the starts, so that most of a table is not kept."""
    cells = READERS.get(Path(path).suffix.lower(), _delimited)(path)
    return frozenset(
        name
        for cell in cells
        if len(cell) <= MOST_CHARACTERS
        and (name := cell.strip())
        and name.replace(os.sep, "/").partition("/")[0].casefold() in starts
        and "\0" not in name
    )


def _delimited(path: str) -> Iterator[str]:
    """Raises: ValueError where it is empty or not UTF-8."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        if not first:
            raise ValueError
        found = [delimiter for delimiter in DELIMITERS if delimiter in first]
        for delimiter in found or DELIMITERS[:1]:  # of a single column there is none
            file.seek(0)
            for row in csv.reader(file, delimiter=delimiter):
                yield from row


def _json_lines(path: str) -> Iterator[str]:
    with open(path, encoding="utf-8-sig") as file:
        for line in filter(str.strip, file):
            values = json.loads(line)
            yield from (v for v in values.values() if isinstance(v, str))


def _parquet(path: str) -> Iterator[str]:
    from pyarrow import parquet, types

    file = parquet.ParquetFile(path)
    columns = [
        field.name
        for field in file.schema_arrow
        if types.is_string(field.type) or types.is_large_string(field.type)
    ]
    for batch in file.iter_batches(columns=columns):
        for column in batch.columns:
            yield from filter(None, column.to_pylist())


READERS = {
    **dict.fromkeys((".parquet", ".pq"), _parquet),
    **dict.fromkeys((".jsonl", ".ndjson"), _json_lines),
}
