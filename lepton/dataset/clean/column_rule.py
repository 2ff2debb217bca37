"""ColumnRule: what the cells of a column are by their looks: paths of files, or texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.column_kinds import MAJORITY
from lepton.storage.file_cell import path_in


@dataclass(frozen=True)
class ColumnRule:
    """From which numbers on a column is told to be one of texts, or of paths.

    Units: min_words of a cell at the mean; min_distinct and min_paths shares of the cells.
    """

    min_words: float
    min_distinct: float
    min_paths: float

    def are_paths(self, cells: pd.Series, endings: Sequence[str]) -> bool:
        """True where enough cells are paths of files, or files with a path, of these endings."""
        paths = cells.map(_path)
        return len(cells) > 0 and paths.str.endswith(tuple(endings)).mean() >= self.min_paths

    def are_texts(self, cells: pd.Series) -> bool:
        """True where cells are long enough, and differ enough, to be texts and no categories."""
        if not len(cells) or not cells.map(lambda cell: isinstance(cell, str)).all():
            return False
        words = cells.str.split().str.len().mean()
        is_long = words >= self.min_words and cells.nunique() >= self.min_distinct * len(cells)
        others = (cell_parsing.is_number, cell_parsing.is_date)
        return bool(is_long and not any(kind(cells).mean() > MAJORITY for kind in others))


def _path(cell: Any) -> str:
    """The path of a cell in small letters; nothing where it has none."""
    path = path_in(cell)
    return path.strip().lower() if isinstance(path, str) else ""
