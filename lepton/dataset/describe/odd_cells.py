"""Columns whose cells hold a whole row or the target: files that are not what they seem."""

import re

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.read.csv_layout import SEPARATORS
from lepton.dataset.read.raw_table import RawTable, as_table

LOOKED_AT_ROWS = 2000  # the first ones of the table
FIRST_CELLS = 20  # which mostly tell
LEAST_CELLS = 10
MOST = 0.95  # share of cells in which something stands that is no accident


def odd_cell_notes(
    frame: pd.DataFrame | RawTable, excluded: list[str], targets: list[str]
) -> list[CleaningNote]:
    """A note on each column of texts that hold the separators of a row, or the row's target."""
    names = [str(name) for name in frame.columns if name not in excluded]
    block = next(as_table(frame).blocks([*names, *targets], LOOKED_AT_ROWS))
    notes = []
    for name in names:
        cells = block[name].dropna()
        if len(cells) < LEAST_CELLS or infer_dtype(cells, skipna=True) != "string":
            continue
        where = f"column {name}"
        for separator, word in SEPARATORS.items():
            if count := _steady_count(cells, separator, str(name)):
                remark = (
                    f"cells that hold {count} {word}{'s' if count > 1 else ''} each "
                    f"(first {cells.iloc[0][:60]!r}): are they whole rows?"
                )
                notes.append(CleaningNote(remark, len(cells), where))
        for target in targets:
            if _holds_target(cells, block.loc[cells.index, target]):
                remark = f"cells that hold the text of target {target} (first "
                remark += f"{cells.iloc[0][:60]!r}): what is to be predicted is among the inputs"
                notes.append(CleaningNote(remark, len(cells), where))
    return notes


def _steady_count(cells: pd.Series, separator: str, name: str) -> int:
    """How often a separator stands in nearly every cell, 0 if not steadily; once is common."""
    first = cells.iloc[:FIRST_CELLS].str.count(re.escape(separator))
    count = int(first.median())
    if not count or (first != count).mean() > 1 - MOST:
        return 0
    if count == 1 and separator not in name:
        return 0
    return count if (cells.str.count(re.escape(separator)) == count).mean() >= MOST else 0


def _holds_target(cells: pd.Series, target: pd.Series) -> bool:
    """True when cells hold the text of their own row's target, and not that of other rows'."""
    is_there = target.notna().to_numpy()
    own = target[is_there].astype(str).str.strip()
    texts = cells[is_there]
    if _share(texts.iloc[:FIRST_CELLS], own.iloc[:FIRST_CELLS]) < MOST or (texts == own).all():
        return False
    order = np.random.default_rng(0).permutation(len(own))
    others = pd.Series(own.to_numpy()[order], own.index)
    differ = own != others
    if differ.sum() < LEAST_CELLS or _share(texts, own) < MOST:
        return False
    return _share(texts[differ], others[differ]) <= 0.5


def _share(cells: pd.Series, words: pd.Series) -> float:
    """The share of cells that hold their word, as a word of its own."""
    pairs = zip(cells, words, strict=True)
    held = [bool(re.search(rf"(?<![\w.]){re.escape(word)}(?![\w.])", text)) for text, word in pairs]
    return sum(held) / len(held) if held else 0.0
