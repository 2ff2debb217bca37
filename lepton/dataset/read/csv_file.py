"""CSV files read as tables of text columns, with notes on what was done to them."""

from typing import Any

import pandas as pd

from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.read.arrow_store import collect
from lepton.dataset.read.column_names import duplicate_names
from lepton.dataset.read.csv_cells import CellCleaning
from lepton.dataset.read.csv_layout import LAYOUT_CHARACTERS, find_layout, numbered_rows
from lepton.dataset.read.csv_table import IrregularCsv, fast_batches, slow_batches
from lepton.dataset.read.raw_table import ArrowTable
from lepton.dataset.read.text_file import open_text
from lepton.errors import DataError, LayoutError
from lepton.storage.scratch import IN_MEMORY_BYTES


def read_csv(path: str, **options: Any) -> pd.DataFrame:
    """The table of `open_csv` as a whole, its notes in `attrs["notes"]`."""
    table = open_csv(path, **options)
    frame = table.table.to_pandas(ignore_metadata=True)
    frame.attrs["notes"] = table.notes
    frame.attrs["missing_words"] = table.missing_words
    return frame


def open_csv(
    path: str,
    *,
    separator: str | None,
    quote: str | None,
    decimal: str | None,
    encoding: str,
    header: bool,
    names: list[str] | None,
    missing: list[str],
) -> ArrowTable:
    """The file as text columns, stripped of surrounding blanks, with null for missing cells.

    A large one is read block by block into a scratch file. `notes` of the result holds a note for
    each column where a word meant missing.

    Raises: DataError naming the file, and line or column, for whatever is not a regular table.
    """
    file = open_text(path, encoding)
    start = file.start(LAYOUT_CHARACTERS)
    layout = find_layout(path, start, separator, quote)
    line, first_row = next(numbered_rows(path, start, layout))
    columns, notes = _column_names(path, line, first_row, header, names)
    spill = file.content.size > IN_MEMORY_BYTES
    try:
        cells = CellCleaning(path, columns, missing, decimal, layout.separator)
        table = collect(map(cells.clean, fast_batches(file, layout, columns, header)), spill=spill)
    except IrregularCsv:
        cells = CellCleaning(path, columns, missing, decimal, layout.separator)
        batches = slow_batches(path, file, layout, columns, header)
        table = collect(map(cells.clean, batches), spill=spill)
    if table is None:
        raise DataError(f"{path}: a header and no rows")
    cells.refuse_decimal_commas()
    words = {name: counts for name, counts in cells.missing_words.items() if counts}
    return ArrowTable(table, notes + cells.notes(), words)


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
        raise LayoutError(f"{path}, line {line}: numbers for a header", "set dataset.header=false")
    for name in duplicate_names(names):
        places = " and ".join(str(i + 1) for i, other in enumerate(names) if other == name)
        raise DataError(f"{path}, line {line}: two columns are called {name!r} ({places})")
    return names, [CleaningNote("no name in the header", 1, f"column {names[i]}") for i in unnamed]
