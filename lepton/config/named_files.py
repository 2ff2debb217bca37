"""What the cells of a table may name: files below a folder, without the option that says where."""

import codecs
import csv
import json
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

DELIMITERS = ",;\t|"  # of delimited tables
MOST_CHARACTERS = 1024  # of a cell that may be a path
NO_NAMES = frozenset(("", os.curdir, os.pardir))  # that paths into a folder may begin with as well


class TextLayout(NamedTuple):
    """How a data set says that its tables are written as text; a separator of None is found."""

    encoding: str = "utf-8"
    separator: str | None = None
    quote: str | None = '"'


AS_FOUND = TextLayout()  # of data sets that say nothing


def names_in(
    tables: Iterable[str], folder: Path, layout: TextLayout = AS_FOUND
) -> frozenset[str] | None:
    """The texts in cells of tables that may lead to a file below a folder, and few others.

    None where a table or the folder cannot be read.
    """
    names: set[str] = set()
    try:
        starts = frozenset(map(str.casefold, os.listdir(folder.expanduser()))) | NO_NAMES
        for table in tables:
            status = os.stat(path := Path(table).expanduser())
            stamp = status.st_size, status.st_mtime_ns, status.st_ctime_ns
            names |= _names(str(path), stamp, starts, layout)
    except (OSError, ValueError, AttributeError, LookupError, TypeError, csv.Error):
        return None
    return frozenset(names)


@lru_cache(maxsize=4)
def _names(
    path: str, stamp: tuple[int, ...], starts: frozenset[str], layout: TextLayout
) -> frozenset[str]:
    """The texts whose first part is one of the starts, so that most of a table is not kept."""
    cells = READERS.get(Path(path).suffix.lower(), _delimited)(path, layout)
    return frozenset(
        name
        for cell in cells
        if len(cell) <= MOST_CHARACTERS
        and (name := cell.strip())
        and name.replace(os.sep, "/").partition("/")[0].casefold() in starts
        and "\0" not in name
    )


def _codec(layout: TextLayout) -> str:
    """What decodes a table; UTF-8 may begin with a mark."""
    is_utf8 = codecs.lookup(layout.encoding).name == "utf-8"
    return "utf-8-sig" if is_utf8 else layout.encoding


def _delimited(path: str, layout: TextLayout) -> Iterator[str]:
    """Raises: ValueError where it is empty or written otherwise."""
    quoting = csv.QUOTE_NONE if layout.quote is None else csv.QUOTE_MINIMAL
    with open(path, encoding=_codec(layout), newline="") as file:
        first = file.readline()
        if not first:
            raise ValueError
        found = [delimiter for delimiter in DELIMITERS if delimiter in first]
        found = found or [*DELIMITERS[:1]]  # of a single column there is none
        for delimiter in [layout.separator] if layout.separator else found:
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, quotechar=layout.quote, quoting=quoting)
            for row in reader:
                yield from row


def _json_lines(path: str, layout: TextLayout) -> Iterator[str]:
    with open(path, encoding=_codec(layout)) as file:
        for line in filter(str.strip, file):
            values = json.loads(line)
            yield from (v for v in values.values() if isinstance(v, str))


def _parquet(path: str, _: TextLayout) -> Iterator[str]:
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
