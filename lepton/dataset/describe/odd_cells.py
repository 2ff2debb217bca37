"""Columns whose cells hold a whole row or the target: files that are not what they seem."""

import re

import numpy as np
import pandas as pd

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.number_blocks import is_number
from lepton.dataset.read.csv_layout import SEPARATORS
from lepton.dataset.read.raw_table import RawTable, as_table

LOOKED_AT_ROWS = 2000  # the first ones of the table
FIRST_ROWS = 50  # which mostly tell
LEAST_CELLS = 10
MOST = 0.95  # share of cells in which something stands that is no accident


def odd_cell_notes(
    frame: pd.DataFrame | RawTable, excluded: list[str], targets: list[str]
) -> list[CleaningNote]:
    """A note on each column of texts that hold the separators of a row, or the row's target."""
    names = [str(name) for name in frame.columns if name not in excluded]
    table, notes = as_table(frame), []
    if (cell_type := getattr(table, "cell_type", None)) is not None:
        names = [name for name in names if not is_number(cell_type(name))]
    first = next(table.blocks([*names, *targets], FIRST_ROWS))
    words = [_texts(first[target].astype(object).tolist(), every=True) for target in targets]
    looked_at = [name for name in names if _may_be_odd(name, _texts(first[name].tolist()), words)]
    block = next(table.blocks([*looked_at, *targets], LOOKED_AT_ROWS)) if looked_at else first
    for name in looked_at:
        cells = block[name].dropna()
        where, beginning = f"column {name}", repr(str(cells.iloc[0])[:60])
        for separator, word in SEPARATORS.items():
            if count := _steady_count(cells, separator, name):
                remark = f"cells that hold {count} {word}{'s' if count > 1 else ''} each "
                remark += f"(first {beginning}): are they whole rows?"
                notes.append(CleaningNote(remark, len(cells), where))
        for target in targets:
            if _holds_target(cells, block.loc[cells.index, target]):
                remark = f"cells that hold the text of target {target} (first {beginning}): "
                remark += "what is to be predicted is among the inputs"
                notes.append(CleaningNote(remark, len(cells), where))
    return notes


def _texts(cells: list[object], *, every: bool = False) -> list[str | None]:
    """The cells that are texts, or `every` one that is there as a text; None for others."""
    return [
        str(cell) if isinstance(cell, str) or (every and not pd.isna(cell)) else None
        for cell in cells
    ]


def _may_be_odd(name: str, cells: list[str | None], words: list[list[str | None]]) -> bool:
    """True for a column whose first cells hold as many separators each, or their target's text."""
    present = [cell for cell in cells if cell is not None]
    if len(present) < LEAST_CELLS:
        return False
    whole = "\n".join(present)
    for separator in SEPARATORS:
        if separator not in whole:
            continue
        counts = [cell.count(separator) for cell in present]
        count = sorted(counts)[len(counts) // 2]
        if count > (0 if separator in name else 1) and counts.count(count) >= MOST * len(counts):
            return True
    return any(_hold(cells, texts) for texts in words)


def _hold(cells: list[str | None], words: list[str | None]) -> bool:
    """True when nearly all cells hold the word beside them, where there are both."""
    pairs, lacking = 0, 0
    for cell, word in zip(cells, words, strict=True):
        if cell is None or word is None:
            continue
        pairs, lacking = pairs + 1, lacking + (word not in cell)
        if lacking > (1 - MOST) * len(cells) + 1:
            return False
    return pairs > 0 and pairs - lacking >= MOST * pairs


def _steady_count(cells: pd.Series, separator: str, name: str) -> int:
    """How often a separator stands in nearly every cell, 0 if not steadily; once is common."""
    counts = cells.str.count(re.escape(separator))
    count = int(counts.median())
    is_steady = count > (0 if separator in name else 1) and (counts == count).mean() >= MOST
    return count if is_steady else 0


def _holds_target(cells: pd.Series, target: pd.Series) -> bool:
    """True when cells hold the text of their own row's target, and not that of other rows'."""
    is_there = target.notna().to_numpy()
    own = target[is_there].astype(str).str.strip()
    texts = cells[is_there]
    if (texts == own).all():
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
