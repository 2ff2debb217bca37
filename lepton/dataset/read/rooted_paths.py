"""Paths in the cells of a table, which start from a folder and do not lead out of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.errors import DataError


def rooted_paths(
    frame: pd.DataFrame, columns: Sequence[str], root: str | None, path: str
) -> pd.DataFrame:
    """The table with paths from the root on; cells that are empty or no texts stay as they are.

    `path` is that of the table.
    Raises: DataError without a root where one is needed, and for a path that leads out of it.
    """
    texts = {name: frame[name].map(_is_path) for name in columns}
    if not any(are_paths.any() for are_paths in texts.values()):
        return frame
    if root is None:
        raise DataError(
            f"dataset.root: give the folder that the paths in {path} start from, as "
            f"dataset.root={Path(path).parent} (column {columns[0]!r} holds paths)"
        )
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise DataError(f"dataset.root={root}: no such folder (looked in {Path.cwd()})")
    inside, attrs = folder.resolve(), frame.attrs
    for name, are_paths in texts.items():
        cells = frame[name].to_numpy(object).copy()
        for row in are_paths.to_numpy().nonzero()[0]:
            cell = cells[row].strip()
            if not (folder / cell).resolve().is_relative_to(inside):
                raise DataError(
                    f"{path}, row {row + 1}: {cell!r} is outside of dataset.root={root}"
                )
            cells[row] = str(folder / cell)
        frame = frame.assign(**{name: pd.Series(cells, dtype=object, index=frame.index)})
    frame.attrs = attrs
    return frame


def _is_path(cell: Any) -> bool:
    return isinstance(cell, str) and bool(cell.strip())
