"""CSV text read as a table of strings, strictly: every row has as many fields as the header.

pyarrow reads what is regular; what it refuses, and quotes that it would read loosely, go through
Python's reader row by row, which knows the line to name.
"""

import re
from collections.abc import Iterator

import pyarrow as pa
from pyarrow import csv as arrow_csv

from lepton.dataset.read.csv_layout import Layout, numbered_rows
from lepton.dataset.read.text_file import TextFile
from lepton.errors import DataError

BLOCK_BYTES = 1 << 22  # of the file, in a batch that pyarrow reads
COLUMN_BYTES = 1 << 12  # of each column in a batch at least: each costs the same in every batch
MAX_BLOCK_BYTES = 1 << 25
BATCH_ROWS = 1 << 14  # in a batch that Python reads


class IrregularCsv(Exception):
    """Python's reader has to read a file: it finds the line, or that all is well."""


def fast_batches(
    file: TextFile, layout: Layout, names: list[str], header: bool
) -> Iterator[pa.RecordBatch]:
    """The rows after the header as string columns, read by pyarrow; blank lines are skipped.

    Raises: IrregularCsv, perhaps after some batches, for what pyarrow refuses or reads loosely.
    """
    if not _has_regular_quotes(file.content, layout):
        raise IrregularCsv
    blank_lines = re.match(rb"[\r\n]*", memoryview(file.content))
    assert blank_lines is not None
    keys = [str(i) for i in range(len(names))]
    read_options = arrow_csv.ReadOptions(
        column_names=keys,
        skip_rows_after_names=int(header),
        block_size=min(max(BLOCK_BYTES, len(names) * COLUMN_BYTES), MAX_BLOCK_BYTES),
    )
    parse_options = arrow_csv.ParseOptions(
        delimiter=layout.separator,
        quote_char=layout.quote or False,
        newlines_in_values=layout.quote is not None,
    )
    convert_options = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(keys, pa.string()), strings_can_be_null=False
    )
    try:
        reader = arrow_csv.open_csv(
            pa.BufferReader(file.content.slice(blank_lines.end())),
            read_options=read_options,
            parse_options=parse_options,
            convert_options=convert_options,
        )
        for batch in reader:
            yield batch.rename_columns(names)
    except pa.ArrowInvalid as e:
        raise IrregularCsv from e


def slow_batches(
    path: str, file: TextFile, layout: Layout, names: list[str], header: bool
) -> Iterator[pa.RecordBatch]:
    """The same rows, read one by one by Python.

    Raises: DataError naming the line of a row that is short or long, or of a quote left open.
    """
    with file.lines() as lines:
        rows, columns = numbered_rows(path, lines, layout), [[] for _ in names]
        if header:
            next(rows)
        for line, row in rows:
            if len(row) != len(names):
                raise DataError(f"{path}, line {line}: {_length_mistake(row, names, layout)}")
            for column, cell in zip(columns, row, strict=True):
                column.append(cell)
            if len(columns[0]) == BATCH_ROWS:
                yield _batch(columns, names)
                columns = [[] for _ in names]
    if columns[0]:
        yield _batch(columns, names)


def _batch(columns: list[list[str]], names: list[str]) -> pa.RecordBatch:
    return pa.record_batch([pa.array(column, pa.string()) for column in columns], names=names)


def _has_regular_quotes(content: pa.Buffer, layout: Layout) -> bool:
    """True when every quote opens at the start of a field and closes at its end."""
    if not f"{layout.separator}{layout.quote}".isascii():
        return False  # pyarrow knows bytes alone
    if layout.quote is None:
        return True
    text = memoryview(content)
    quotes = sum(1 for _ in re.finditer(re.escape(layout.quote.encode()), text))
    if not quotes:
        return True
    s, q = re.escape(layout.separator.encode()), re.escape(layout.quote.encode())
    field = rb"(?:(?<=[%b\r\n])|\A)%b[^%b]*(?:%b%b[^%b]*)*%b(?=[%b\r\n]|\Z)" % (
        *(s, q, q, q, q, q, q, s),
    )
    quote = layout.quote.encode()
    return quotes == sum(match[0].count(quote) for match in re.finditer(field, text))


def _length_mistake(row: list[str], names: list[str], layout: Layout) -> str:
    """The reason why a row of the wrong length is refused."""
    counts = f"{len(row)} field{'s' * (len(row) != 1)} where {len(names)} belong"
    if len(row) < len(names):
        return f"{counts}; nothing for column {names[len(row)]!r}"
    extra = f"{counts}; {row[len(names)]!r} comes after the last column {names[-1]!r}"
    if layout.separator == "," and any(character.isdigit() for character in row[-1]):
        extra += "; decimal commas? quote them or use another separator"
    return extra
