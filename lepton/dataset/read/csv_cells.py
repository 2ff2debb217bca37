"""Cells of a CSV file cleaned block by block: blanks, words for missing, decimal commas."""

from collections import Counter

import pyarrow as pa
from pyarrow import compute as pc

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.errors import DataError


class CellCleaning:
    """Cleans the blocks of one file, and remembers what no single block can tell."""

    def __init__(
        self, path: str, columns: list[str], missing: list[str], decimal: str | None, separator: str
    ):
        self.path, self.columns, self.decimal = path, columns, decimal
        self.missing = pa.array([*missing, ""], pa.string())
        self.missing_words: dict[str, Counter[str]] = {name: Counter() for name in columns}
        # of columns that hold nothing but numbers so far: the first one with a decimal comma
        checks = decimal == "." and separator != ","
        self.decimal_commas: dict[str, str | None] = dict.fromkeys(columns) if checks else {}

    def clean(self, block: pa.RecordBatch) -> pa.RecordBatch:
        """The block without surrounding blanks, null where a cell stands for missing."""
        cells = [self._clean(name, block.column(i)) for i, name in enumerate(self.columns)]
        return pa.record_batch(cells, names=self.columns)

    def notes(self) -> list[CleaningNote]:
        """A note for each column in which words stood for missing."""
        return [
            CleaningNote(
                f"{', '.join(map(repr, words))} read as missing", words.total(), f"column {name}"
            )
            for name, words in self.missing_words.items()
            if words
        ]

    def refuse_decimal_commas(self) -> None:
        """Raises: DataError for a column of decimal commas that the config does not announce."""
        for name, value in self.decimal_commas.items():
            if value is not None:
                raise DataError(
                    f"{self.path}, column {name!r}: {value!r} has a decimal comma; "
                    "set 'dataset.decimal=\",\"' (or null to keep such cells as text)"
                )

    def _clean(self, name: str, cells: pa.Array) -> pa.Array:
        cells = pc.utf8_trim_whitespace(cells)
        is_missing = pc.is_in(cells, self.missing)
        words = cells.filter(pc.and_(is_missing, pc.not_equal(cells, "")))
        for entry in pc.value_counts(words):
            self.missing_words[name][entry["values"].as_py()] += entry["counts"].as_py()
        cells = pc.if_else(is_missing, pa.scalar(None, pa.string()), cells)
        if self.decimal == ",":
            return pc.if_else(_has_comma(cells), pc.replace_substring(cells, ",", "."), cells)
        if name in self.decimal_commas:
            self._look_for_commas(name, cells)
        return cells

    def _look_for_commas(self, name: str, cells: pa.Array) -> None:
        has_comma = _has_comma(cells)
        is_number = pc.or_(has_comma, pc.match_substring_regex(cells, r"^[+-]?\d+$"))
        if not pc.all(is_number, min_count=0).as_py():
            del self.decimal_commas[name]
        elif self.decimal_commas[name] is None and pc.any(has_comma).as_py():
            self.decimal_commas[name] = cells.filter(has_comma)[0].as_py()


def _has_comma(cells: pa.Array) -> pa.Array:
    return pc.match_substring_regex(cells, r"^[+-]?\d+,\d+$")
