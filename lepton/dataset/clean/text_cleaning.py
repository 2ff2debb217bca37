"""Columns of texts: checked to hold texts, and freed of rows without any."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.column_kinds import MAJORITY
from lepton.dataset.clean.target import Target
from lepton.dataset.clean.text_rows import TextRows, read_texts
from lepton.dataset.read.raw_table import RawTable
from lepton.dataset.split.duplicates import row_keys
from lepton.errors import DataError

OTHER_KINDS = (("numbers", cell_parsing.is_number), ("dates", cell_parsing.is_date))


@dataclass(frozen=True)
class CleanedTexts:
    """Texts of all rows, and the target, which keeps no row whose texts are all empty.

    Shapes: keys (rows,), one for all texts that differ in case and blanks alone.
    """

    texts: TextRows
    keys: np.ndarray
    target: Target
    notes: list[CleaningNote]


def clean_texts(frame: pd.DataFrame | RawTable, columns: list[str], target: Target) -> CleanedTexts:
    """The texts of these columns; rows of which all are empty are dropped from the target.

    Raises: DataError naming a column that is not there, or holds no texts.
    """
    texts = read_texts(frame, columns)
    looks = [_Look() for _ in columns]
    is_empty_cell, keys = np.empty((len(texts), len(columns)), dtype=bool), []
    for rows, block in texts.blocks(np.arange(len(texts))):
        for look, cells in zip(looks, block.T, strict=True):
            look.at(cells[target.kept_rows[rows]])
        is_empty_cell[rows] = block == ""
        keys.append(row_keys(block))
    for name, look in zip(columns, looks, strict=True):
        look.refuse_other_kinds(name)
    is_empty = is_empty_cell.all(axis=1) & target.kept_rows
    where, notes = f"column {', '.join(columns)}", []
    if is_empty.sum() == target.kept_rows.sum():
        raise DataError(f"{where}: every text is empty")
    if is_empty.any():
        notes += target.files.notes("empty text, row dropped", is_empty, where)
        values = target.values[~is_empty[target.kept_rows]]
        target = replace(target, kept_rows=target.kept_rows & ~is_empty, values=values)
        target.files.refuse_unused(target.kept_rows, f"text in {where} beside a target")
    for i, name in enumerate(columns if len(columns) > 1 else []):
        empty_cells = is_empty_cell[:, i] & target.kept_rows
        remark = "empty text beside one that is not, kept"
        notes += target.files.notes(remark, empty_cells, f"column {name}")
    return CleanedTexts(texts, np.concatenate(keys), target, notes)


@dataclass
class _Look:
    """What the cells of a column are, looked at block by block."""

    cells: int = 0
    present: int = 0
    some_values: set[str] = field(default_factory=set)  # two at most
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def at(self, texts: np.ndarray) -> None:
        present = pd.Series(texts[texts != ""], dtype=object)
        self.cells, self.present = self.cells + len(texts), self.present + len(present)
        if not len(present):
            return
        for kind, is_kind in OTHER_KINDS:
            of_kind = is_kind(present)
            self.counts[kind] = self.counts.get(kind, 0) + int(of_kind.sum())
            if of_kind.any():
                self.examples.setdefault(kind, present[of_kind].iloc[0])
        if len(self.some_values) < 2:
            self.some_values |= {present.iloc[0], *present[present != present.iloc[0]].head(1)}

    def refuse_other_kinds(self, name: str) -> None:
        """Raises: DataError for numbers, dates or one text throughout, written as text."""
        for kind, count in self.counts.items():
            if count / self.present > MAJORITY:
                share = f"{100 * count / self.present:.0f} % of its cells are {kind}"
                raise DataError(f"column {name!r} is not text: {share} ({self.examples[kind]})")
        if self.cells > 1 and len(self.some_values) == 1 and self.present == self.cells:
            raise DataError(f"column {name!r}: every text is {next(iter(self.some_values))[:40]!r}")
