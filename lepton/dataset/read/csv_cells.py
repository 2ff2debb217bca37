"""Cells of a CSV file cleaned block by block: blanks, words for missing, decimal commas."""

from collections import Counter

import numpy as np
import pyarrow as pa
from pyarrow import compute as pc

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.errors import DataError

CELL_BYTES = 1 << 22  # of cells that are cleaned at once


class CellCleaning:
    """Cleans the blocks of one file, and remembers what no single block can tell."""

    def __init__(
        self, path: str, columns: list[str], missing: list[str], decimal: str | None, separator: str
    ):
        self.path, self.columns, self.decimal = path, columns, decimal
        self.missing = pa.array([*missing, ""], pa.string())
        self.missing_words: dict[str, Counter[str]] = {}
        # of columns that hold nothing but numbers so far: the first one with a decimal comma
        checks = decimal == "." and separator != ","
        self.decimal_commas: dict[str, str | None] = dict.fromkeys(columns) if checks else {}

    def clean(self, block: pa.RecordBatch) -> pa.RecordBatch:
        """The block without surrounding blanks, null where a cell stands for missing."""
        at_once = max(1, len(self.columns) * CELL_BYTES // max(block.nbytes, 1))
        cells: list[pa.Array] = []
        for start in range(0, len(self.columns), at_once):
            names = self.columns[start : start + at_once]
            cells += self._clean(names, block.columns[start : start + at_once])
        return pa.record_batch(cells, names=self.columns)

    def notes(self) -> list[CleaningNote]:
        """A note for each column in which words stood for missing."""
        return [
            CleaningNote(
                f"{', '.join(map(repr, words))} read as missing", words.total(), f"column {name}"
            )
            for name in self.columns
            if (words := self.missing_words.get(name))
        ]

    def refuse_decimal_commas(self) -> None:
        """Raises: DataError for a column of decimal commas that the config does not announce."""
        for name, value in self.decimal_commas.items():
            if value is not None:
                raise DataError(
                    f"{self.path}, column {name!r}: {value!r} has a decimal comma; "
                    "set 'dataset.decimal=\",\"' (or null to keep such cells as text)"
                )

    def _clean(self, names: list[str], columns: list[pa.Array]) -> list[pa.Array]:
        """Some columns of a block, all cells of which are cleaned at once."""
        rows = len(columns[0])
        cells = pc.utf8_trim_whitespace(pa.concat_arrays(columns))
        is_missing = pc.is_in(cells, self.missing)
        is_word = pc.and_(is_missing, pc.not_equal(cells, ""))
        places = np.flatnonzero(is_word.to_numpy(zero_copy_only=False))
        words, ends = cells.take(pa.array(places)), np.arange(len(names) + 1) * rows
        starts = np.searchsorted(places, ends)
        for i in np.flatnonzero(np.diff(starts)):
            for entry in pc.value_counts(words.slice(starts[i], starts[i + 1] - starts[i])):
                word, count = entry["values"].as_py(), entry["counts"].as_py()
                self.missing_words.setdefault(names[i], Counter())[word] += count
        if pc.any(is_missing).as_py():
            cells = pc.if_else(is_missing, pa.scalar(None, pa.string()), cells)
        if self.decimal == ",":
            cells = pc.if_else(_has_comma(cells), pc.replace_substring(cells, ",", "."), cells)
        cleaned = [cells.slice(i * rows, rows) for i in range(len(names))]
        for name, of_column in zip(names, cleaned, strict=True) if self.decimal_commas else ():
            if name in self.decimal_commas:
                self._look_for_commas(name, of_column)
        return cleaned

    def _look_for_commas(self, name: str, cells: pa.Array) -> None:
        has_comma = _has_comma(cells)
        is_number = pc.or_(has_comma, pc.match_substring_regex(cells, r"^[+-]?\d+$"))
        if not pc.all(is_number, min_count=0).as_py():
            del self.decimal_commas[name]
        elif self.decimal_commas[name] is None and pc.any(has_comma).as_py():
            self.decimal_commas[name] = cells.filter(has_comma)[0].as_py()


def _has_comma(cells: pa.Array) -> pa.Array:
    return pc.match_substring_regex(cells, r"^[+-]?\d+,\d+$")
