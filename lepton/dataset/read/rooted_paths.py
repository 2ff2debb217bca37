"""Paths in the cells of a table, which start from a folder and do not lead out of it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.errors import DataError, RowError


def rooted_paths(
    frame: pd.DataFrame,
    columns: Sequence[str],
    root: str | None,
    path: str,
    key: str = "dataset.root",
) -> pd.DataFrame:
    """The table with paths from the root on; cells that are empty or no texts stay as they are.

    `path` is that of the table, and `key` what says the root.
    Raises: DataError without a root where one is needed, and for a path that leads out of it.
    """
    texts = {name: frame[name].map(is_path).astype(bool) for name in columns}
    if not any(are_paths.any() for are_paths in texts.values()):
        return frame
    folder = refuse_no_root(root, Path(path), columns[0], key)
    inside, attrs = folder.resolve(), frame.attrs
    for name, are_paths in texts.items():
        cells = frame[name].to_numpy(object).copy()
        for row in are_paths.to_numpy().nonzero()[0]:
            cell = cells[row].strip()
            if _leads_out(folder / cell, inside):
                raise RowError(path, int(row), f"{cell!r} is outside of {key}={root}")
            cells[row] = str(folder / cell)
        frame = frame.assign(**{name: pd.Series(cells, dtype=object, index=frame.index)})
    frame.attrs = attrs
    return frame


def refuse_no_root(root: str | None, path: Path, column: str, key: str = "dataset.root") -> Path:
    """The folder that paths start from. Raises: DataError where none is given, or it is none."""
    if root is None:
        raise DataError(
            f"{key}: give the folder that the paths in {path} start from, as "
            f"{key}={path.parent} (column {column!r} holds paths)"
        )
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise DataError(f"{key}={root}: no such folder (looked in {Path.cwd()})")
    return folder


def _leads_out(path: Path, inside: Path) -> bool:
    """False for links that lead round in a circle, too, and for what no file is called."""
    try:
        return not Path(os.path.realpath(path)).is_relative_to(inside)
    except ValueError:
        return False


def is_path(cell: Any) -> bool:
    """True for a text that is not blank."""
    return isinstance(cell, str) and bool(cell.strip())
