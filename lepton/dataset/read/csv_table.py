"""CSV text read as a table of strings, strictly: every row has as many fields as the header.

pyarrow reads what is regular; what it refuses, and quotes that it would read loosely, go through
Python's reader row by row, which knows the line to name.
"""

import io
import re

import pyarrow as pa
from pyarrow import csv as arrow_csv

from lepton.dataset.read.csv_layout import Layout, numbered_rows
from lepton.errors import DataError


def read_table(path: str, text: str, layout: Layout, names: list[str], header: bool) -> pa.Table:
    """The rows after the header as string columns; blank lines are skipped.

    Raises: DataError naming the line of a row that is short or long, or of a quote left open.
    """
    if _has_regular_quotes(text, layout):
        try:
            return _read_with_pyarrow(text, layout, names, header)
        except pa.ArrowInvalid:
            pass  # the slow reader finds the line, or that all is well
    columns = [[] for _ in names]
    rows = numbered_rows(path, text, layout)
    if header:
        next(rows)
    for line, row in rows:
        if len(row) != len(names):
            raise DataError(f"{path}, line {line}: {_length_mistake(row, names, layout)}")
        for column, cell in zip(columns, row, strict=True):
            column.append(cell)
    return pa.table([pa.array(column, pa.string()) for column in columns], names=names)


def _has_regular_quotes(text: str, layout: Layout) -> bool:
    """True when every quote opens at the start of a field and closes at its end."""
    if layout.quote is None or layout.quote not in text:
        return True
    s, q = re.escape(layout.separator), re.escape(layout.quote)
    field = rf"(?:(?<=[{s}\r\n])|\A){q}[^{q}]*(?:{q}{q}[^{q}]*)*{q}(?=[{s}\r\n]|\Z)"
    return layout.quote not in re.sub(field, "", text)


def _read_with_pyarrow(text: str, layout: Layout, names: list[str], header: bool) -> pa.Table:
    keys = [str(i) for i in range(len(names))]
    read_options = arrow_csv.ReadOptions(column_names=keys, skip_rows_after_names=int(header))
    parse_options = arrow_csv.ParseOptions(
        delimiter=layout.separator,
        quote_char=layout.quote or False,
        newlines_in_values=layout.quote is not None,
    )
    convert_options = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(keys, pa.string()), strings_can_be_null=False
    )
    table = arrow_csv.read_csv(
        io.BytesIO(text.lstrip("\r\n").encode()),
        read_options=read_options,
        parse_options=parse_options,
        convert_options=convert_options,
    )
    return table.rename_columns(names)


def _length_mistake(row: list[str], names: list[str], layout: Layout) -> str:
    """The reason why a row of the wrong length is refused."""
    counts = f"{len(row)} field{'s' * (len(row) != 1)} where {len(names)} belong"
    if len(row) < len(names):
        return f"{counts}; nothing for column {names[len(row)]!r}"
    extra = f"{counts}; {row[len(names)]!r} comes after the last column {names[-1]!r}"
    if layout.separator == "," and any(character.isdigit() for character in row[-1]):
        extra += "; decimal commas? quote them or use another separator"
    return extra
