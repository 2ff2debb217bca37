"""Delimited text files, read as tables of text columns and notes on what was done to them."""

import codecs
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import compute as pc

from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.cleaning_note import Note
from lepton.dataset.read.delimited import HEAD, find_layout, numbered, read_table, twins
from lepton.errors import DataError

MAGIC = {
    b"\x1f\x8b": "gzip-compressed; unpack it first",
    b"PK\x03\x04": "a zip archive or an Excel workbook; unpack it, or save it as CSV",
    b"PAR1": "a Parquet file; use dataset=parquet",
}
MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_csv(
    path: str,
    *,
    separator: str | None,
    quote: str | None,
    decimal: str | None,
    encoding: str,
    header: bool,
    names: list[str] | None,
    missing: list[str],
) -> pd.DataFrame:
    """The file as text columns, stripped of surrounding blanks, with missing cells as NaN.

    `attrs["notes"]` of the result holds a Note for each column where a word meant missing.

    Raises: DataError naming the file, and line or column, for whatever is not a regular table.
    """
    text = read_text(path, encoding)
    layout = find_layout(path, text, separator, quote)
    line, first = next(numbered(path, text[:HEAD], layout))
    found, notes = _names(path, line, first, header, names)
    table = read_table(path, text, layout, found, header)
    if table.num_rows == 0:
        raise DataError(f"{path}: a header and no rows")
    columns = []
    for name in found:
        column, note = _clean(table[name], name, missing)
        columns.append(_decimal(path, column, name, decimal, layout.separator))
        notes += [note] if note else []
    frame = pa.table(columns, names=found).to_pandas()
    frame.attrs["notes"] = notes
    return frame


def read_text(path: str, encoding: str) -> str:
    """A file's text.

    Raises: DataError naming the file when it is not there, not text, or empty.
    """
    text = _decoded(path, _bytes(path), encoding)
    if not text.strip():
        raise DataError(f"{path}: the file is empty")
    return text


def _bytes(path: str) -> bytes:
    file = Path(path).expanduser()
    if file.is_dir():
        raise DataError(f"{path}: a folder, not a file")
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file (looked in {Path.cwd()})") from None
    except OSError as e:
        raise DataError(f"{path}: {e.strerror}") from None
    for magic, what in MAGIC.items():
        if data.startswith(magic):
            raise DataError(f"{path}: {what}")
    return data


def _decoded(path: str, data: bytes, encoding: str) -> str:
    """The text, without a byte-order mark."""
    try:
        codec = codecs.lookup(encoding).name
        " ".encode(encoding)  # not all are of texts
    except LookupError:
        raise DataError(f"dataset.encoding: no encoding {encoding!r}; try utf-8") from None
    for mark, name in MARKS.items():
        if data.startswith(mark) and not codec.startswith("utf-16"):
            raise DataError(f"{path}: written in {name}; set dataset.encoding={name}")
    try:
        text = data.decode("utf-8-sig" if codec == "utf-8" else encoding)
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        place = e.start - data.rfind(b"\n", 0, e.start)
        raise DataError(
            f"{path}, line {line}, byte {place}: not {encoding}; "
            "if a spreadsheet wrote it, try dataset.encoding=cp1252"
        ) from None
    nul = text.find("\0")
    if nul >= 0:
        line = text.count("\n", 0, nul) + 1
        raise DataError(f"{path}, line {line}: a NUL character; broken, or not {encoding}")
    return text


def _names(
    path: str, line: int, first: list[str], header: bool, given: list[str] | None
) -> tuple[list[str], list[Note]]:
    """Column names from the header, as given, or c0, c1, ..."""
    if given is not None and len(given) != len(first):
        raise DataError(f"{path}: {len(first)} columns, but dataset.names has {len(given)}")
    names = given or (
        [n.strip() for n in first] if header else [f"c{i}" for i in range(len(first))]
    )
    blank = [i for i, name in enumerate(names) if not name]
    names = [name or f"column_{i}" for i, name in enumerate(names)]
    if header and given is None and cell_parsing.is_number(pd.Series(names)).all():
        raise DataError(f"{path}, line {line}: numbers for a header; set dataset.header=false")
    for name in twins(names):
        places = " and ".join(str(i + 1) for i, n in enumerate(names) if n == name)
        raise DataError(f"{path}, line {line}: two columns are called {name!r} ({places})")
    return names, [Note("no name in the header", 1, f"column {names[i]}") for i in blank]


def _clean(column: pa.ChunkedArray, name: str, missing: list[str]) -> tuple[pa.Array, Note | None]:
    """Cells without surrounding blanks, null where they stand for missing."""
    column = pc.utf8_trim_whitespace(column)
    gone = pc.is_in(column, pa.array([*missing, ""], pa.string()))
    words = pc.value_counts(column.filter(pc.and_(gone, pc.not_equal(column, ""))))
    counts = {w["values"].as_py(): w["counts"].as_py() for w in words}
    cleaned = pc.if_else(gone, pa.scalar(None, pa.string()), column)
    if not counts:
        return cleaned, None
    which = ", ".join(map(repr, counts))
    return cleaned, Note(f"{which} read as missing", sum(counts.values()), f"column {name}")


def _decimal(path: str, column, name: str, decimal: str | None, separator: str):
    """Numbers with a point.

    Raises: DataError for a column of decimal commas that nobody announced.
    """
    if decimal is None or (decimal == "." and separator == ","):
        return column
    comma = pc.match_substring_regex(column, r"^[+-]?\d+,\d+$")
    if decimal == ",":
        return pc.if_else(comma, pc.replace_substring(column, ",", "."), column)
    number = pc.or_(comma, pc.match_substring_regex(column, r"^[+-]?\d+$"))
    if pc.any(comma).as_py() and pc.all(number).as_py():
        value = column.filter(comma)[0].as_py()
        raise DataError(
            f"{path}, column {name!r}: {value!r} has a decimal comma; "
            "set dataset.decimal=',' (or null to keep such cells as text)"
        )
    return column
