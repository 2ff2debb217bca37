"""CSV files read as tables of text columns, with notes on what was done to them."""

import pandas as pd
import pyarrow as pa
from pyarrow import compute as pc

from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.read.column_names import duplicate_names
from lepton.dataset.read.csv_layout import LAYOUT_CHARACTERS, find_layout, numbered_rows
from lepton.dataset.read.csv_table import read_table
from lepton.dataset.read.text_file import read_text
from lepton.errors import DataError


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

    `attrs["notes"]` of the result holds a note for each column where a word meant missing.

    Raises: DataError naming the file, and line or column, for whatever is not a regular table.
    """
    text = read_text(path, encoding)
    layout = find_layout(path, text, separator, quote)
    line, first_row = next(numbered_rows(path, text[:LAYOUT_CHARACTERS], layout))
    columns, notes = _column_names(path, line, first_row, header, names)
    table = read_table(path, text, layout, columns, header)
    if table.num_rows == 0:
        raise DataError(f"{path}: a header and no rows")
    cleaned_columns = []
    for name in columns:
        cells, note = _clean_cells(table[name], name, missing)
        cleaned_columns.append(_with_decimal_point(path, cells, name, decimal, layout.separator))
        notes += [note] if note else []
    frame = pa.table(cleaned_columns, names=columns).to_pandas()
    frame.attrs["notes"] = notes
    return frame


def _column_names(
    path: str, line: int, first_row: list[str], header: bool, declared: list[str] | None
) -> tuple[list[str], list[CleaningNote]]:
    """Column names as declared, from the header, or c0, c1, ..."""
    if declared is not None and len(declared) != len(first_row):
        raise DataError(f"{path}: {len(first_row)} columns, but dataset.names has {len(declared)}")
    header_names = [cell.strip() for cell in first_row] if header else None
    names = declared or header_names or [f"c{i}" for i in range(len(first_row))]
    unnamed = [i for i, name in enumerate(names) if not name]
    names = [name or f"column_{i}" for i, name in enumerate(names)]
    if header and declared is None and cell_parsing.is_number(pd.Series(names)).all():
        raise DataError(f"{path}, line {line}: numbers for a header; set dataset.header=false")
    for name in duplicate_names(names):
        places = " and ".join(str(i + 1) for i, other in enumerate(names) if other == name)
        raise DataError(f"{path}, line {line}: two columns are called {name!r} ({places})")
    return names, [CleaningNote("no name in the header", 1, f"column {names[i]}") for i in unnamed]


def _clean_cells(
    cells: pa.ChunkedArray, name: str, missing: list[str]
) -> tuple[pa.ChunkedArray, CleaningNote | None]:
    """Cells without surrounding blanks, null where they stand for missing."""
    cells = pc.utf8_trim_whitespace(cells)
    is_missing = pc.is_in(cells, pa.array([*missing, ""], pa.string()))
    missing_words = cells.filter(pc.and_(is_missing, pc.not_equal(cells, "")))
    counts = {
        entry["values"].as_py(): entry["counts"].as_py() for entry in pc.value_counts(missing_words)
    }
    cleaned = pc.if_else(is_missing, pa.scalar(None, pa.string()), cells)
    if not counts:
        return cleaned, None
    remark = f"{', '.join(map(repr, counts))} read as missing"
    return cleaned, CleaningNote(remark, sum(counts.values()), f"column {name}")


def _with_decimal_point(
    path: str, cells: pa.ChunkedArray, name: str, decimal: str | None, separator: str
) -> pa.ChunkedArray:
    """Cells whose decimal commas are points.

    Raises: DataError for a column of decimal commas that the config does not announce.
    """
    if decimal is None or (decimal == "." and separator == ","):
        return cells
    has_comma = pc.match_substring_regex(cells, r"^[+-]?\d+,\d+$")
    if decimal == ",":
        return pc.if_else(has_comma, pc.replace_substring(cells, ",", "."), cells)
    is_number = pc.or_(has_comma, pc.match_substring_regex(cells, r"^[+-]?\d+$"))
    if pc.any(has_comma).as_py() and pc.all(is_number).as_py():
        value = cells.filter(has_comma)[0].as_py()
        raise DataError(
            f"{path}, column {name!r}: {value!r} has a decimal comma; "
            "set dataset.decimal=',' (or null to keep such cells as text)"
        )
    return cells
