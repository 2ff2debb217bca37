"""Delimited text to a table of strings, strictly: every row has as many fields as the header.

pyarrow reads what is regular; what it refuses, and quotes that it would read loosely, go through
Python's reader row by row, which knows the line to name.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa
from pyarrow import csv as arrow_csv

from lepton.errors import DataError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
HEAD = 1 << 20  # characters looked at for the layout
FIELD_LIMIT = 1 << 20  # characters; a longer field is a quote that never closes


@dataclass(frozen=True)
class Layout:
    """How fields are told apart."""

    separator: str
    quote: str | None

    def reader(self, text: str):
        """Rows as lists of texts; `line_num` counts the lines of the file."""
        csv.field_size_limit(FIELD_LIMIT)
        quoting = csv.QUOTE_NONE if self.quote is None else csv.QUOTE_MINIMAL
        return csv.reader(
            io.StringIO(text, newline=""),
            delimiter=self.separator,
            quotechar=self.quote,
            quoting=quoting,
            skipinitialspace=True,
            strict=True,
        )


def find_layout(path: str, text: str, separator: str | None, quote: str | None) -> Layout:
    """The layout with the separator given, or that which the first line shows.

    Raises: DataError when the first line has one field only, two separators fit alike, or what is
        given cannot separate or quote.
    """
    for key, sign in (("separator", separator), ("quote", quote)):
        if sign is not None and (len(sign) != 1 or sign in "\r\n"):
            raise DataError(f"dataset.{key}: {sign!r}; give one character, or null")
    if separator is not None and separator == quote:
        raise DataError(f"dataset.separator, dataset.quote: both are {quote!r}; give two")
    counts = {s: _fields(path, text, Layout(s, quote)) for s in SEPARATORS}
    if separator is not None:
        others = [s for s, n in counts.items() if s != separator and n[0] > 1]
        if _fields(path, text, Layout(separator, quote))[0] == 1 and others:
            wrong = f"line 1 has no separator {separator!r} but {SEPARATORS[others[0]]}s"
            raise DataError(f"{path}: {wrong}; set dataset.separator={others[0]!r}")
        return Layout(separator, quote)
    several = {s: n for s, n in counts.items() if n[0] > 1}
    steady = {s: n for s, n in several.items() if len(set(n)) == 1} or several
    if not steady:
        names = ", ".join(SEPARATORS.values())
        raise DataError(f"{path}: line 1 holds one field ({names} looked for); a table needs two")
    most = max(n[0] for n in steady.values())
    best = [s for s, n in steady.items() if n[0] == most]
    if len(best) > 1:
        names = " and ".join(SEPARATORS[s] for s in best)
        raise DataError(f"{path}: line 1 may be separated by {names}; set dataset.separator")
    return Layout(best[0], quote)


def read_table(path: str, text: str, layout: Layout, names: list[str], header: bool) -> pa.Table:
    """The rows after the header as string columns; blank lines are skipped.

    Raises: DataError naming the line of a row that is short or long, or of a quote left open.
    """
    if _regular(text, layout):
        try:
            return _fast(text, layout, names, header)
        except pa.ArrowInvalid:
            pass  # the slow reader finds the line, or that all is well
    columns = [[] for _ in names]
    rows = numbered(path, text, layout)
    if header:
        next(rows)
    for line, row in rows:
        if len(row) != len(names):
            raise DataError(f"{path}, line {line}: {_miscounted(row, names, layout)}")
        for column, cell in zip(columns, row, strict=True):
            column.append(cell)
    return pa.table([pa.array(column, pa.string()) for column in columns], names=names)


def numbered(path: str, text: str, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the number of its first line."""
    reader, line = layout.reader(text), 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as e:
            raise DataError(f"{path}, line {line}: {_broken(str(e))}") from None
        if len(row) > 1 or "".join(row).strip():
            yield line, row
        line = reader.line_num + 1


def _fields(path: str, text: str, layout: Layout) -> list[int]:
    """The number of fields in the first two rows, as far as they can be read."""
    counts = []
    with suppress(DataError):
        for _, row in islice(numbered(path, text[:HEAD], layout), 2):
            counts.append(len(row))
    return counts or [1]


def _regular(text: str, layout: Layout) -> bool:
    """Whether every quote opens at the start of a field and closes at its end."""
    q = layout.quote
    if q is None or q not in text:
        return True
    separator, q = re.escape(layout.separator), re.escape(q)
    field = rf"(?:(?<=[{separator}\r\n])|\A){q}[^{q}]*(?:{q}{q}[^{q}]*)*{q}(?=[{separator}\r\n]|\Z)"
    return layout.quote not in re.sub(field, "", text)


def _fast(text: str, layout: Layout, names: list[str], header: bool) -> pa.Table:
    keys = [str(i) for i in range(len(names))]
    read = arrow_csv.ReadOptions(column_names=keys, skip_rows_after_names=int(header))
    parse = arrow_csv.ParseOptions(
        delimiter=layout.separator,
        quote_char=layout.quote or False,
        newlines_in_values=layout.quote is not None,
    )
    convert = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(keys, pa.string()), strings_can_be_null=False
    )
    source = io.BytesIO(text.lstrip("\r\n").encode())
    table = arrow_csv.read_csv(
        source, read_options=read, parse_options=parse, convert_options=convert
    )
    return table.rename_columns(names)


def _broken(message: str) -> str:
    """What Python's reader says, in the user's terms."""
    if "unexpected end of data" in message or "field limit" in message:
        return "a quote opens in this row and is never closed"
    if "expected after" in message:
        return f"text follows a closing quote ({message}); write a quote inside quotes twice"
    return message


def _miscounted(row: list[str], names: list[str], layout: Layout) -> str:
    """Why a row of the wrong length is refused."""
    counts = f"{len(row)} field{'s' * (len(row) != 1)} where {len(names)} belong"
    if len(row) < len(names):
        return f"{counts}; nothing for column {names[len(row)]!r}"
    hint = (
        "; decimal commas? quote them or use another separator" if layout.separator == "," else ""
    )
    extra = f"; {row[len(names)]!r} comes after the last column {names[-1]!r}"
    return counts + extra + (hint if any(c.isdigit() for c in row[-1]) else "")


def twins(names: list[str]) -> list[str]:
    """Names that stand more than once."""
    return [name for name, count in Counter(names).items() if count > 1]
