"""Rows as a user gives them to a model, as the DataFrame that it reads."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lepton.dataset.inputs.kind import InputKind
from lepton.errors import DataError
from lepton.evaluation.file_rows import read_rows
from lepton.prediction.folder_rows import open_folder

SHOWN_COLUMNS = 8  # of those that a model reads, in a message


def rows_frame(given: Any, kinds: Sequence[InputKind], run: Path) -> pd.DataFrame:
    """The rows that were given to a run's model: as a table, cells, columns, an array or a path.

    Raises: DataError for what is none of these, for an array of other columns, and for cells or
    names that no model reads.
    """
    try:
        frame = _as_frame(given, kinds, run)
    except (UnicodeEncodeError, UnicodeDecodeError) as e:
        raise DataError(f"a text that is no Unicode ({e.reason})") from None
    if frame.columns.nlevels > 1:
        raise DataError(f"columns of {frame.columns.nlevels} levels; give each one name")
    for i, dtype in enumerate(frame.dtypes):
        if dtype.kind == "c":
            raise DataError(f"column {str(frame.columns[i])!r}: complex numbers; give real ones")
    return frame


def _as_frame(given: Any, kinds: Sequence[InputKind], run: Path) -> pd.DataFrame:
    if isinstance(given, pd.DataFrame):
        return given
    if hasattr(given, "to_pandas"):  # of polars, pyarrow and datasets
        return given.to_pandas()
    if isinstance(given, Mapping):
        return _of_mapping(given)
    if isinstance(given, os.PathLike) or (isinstance(given, str) and os.path.exists(given)):
        return _of_path(Path(given), kinds, run)
    names = [*dict.fromkeys(name for kind in kinds for name in kind.read_columns)]
    if isinstance(given, pd.Series):
        return _one_column(given, names).set_axis(given.index)
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise DataError(_not_rows(given, names))
    if isinstance(given, np.ndarray) and any(kind.is_one(given) for kind in kinds):
        return _one_column([given], names)
    values = given if isinstance(given, np.ndarray) else list(given)
    if len(values) and all(isinstance(row, Mapping) for row in values) and len(names) > 1:
        return pd.DataFrame(list(values))
    are_cells = len(names) == 1 and not any(kind.takes_rest for kind in kinds)
    return _one_column(values, names) if are_cells else _of_array(values, names)


def _of_mapping(given: Mapping[str, Any]) -> pd.DataFrame:
    """A dict of columns, or of the cells of one row."""
    are_columns = [_is_column(values) for values in given.values()]
    if any(are_columns) and not all(are_columns):
        cell = next(name for name, values in given.items() if not _is_column(values))
        raise DataError(
            f"column {cell!r}: is one cell, where others are lists; give a cell a column, "
            "or a list a column"
        )
    if not any(are_columns):
        return pd.DataFrame([dict(given)])
    if len(lengths := {len(values) for values in given.values()}) > 1:
        raise DataError(f"the columns have {min(lengths)} to {max(lengths)} rows; as many in each")
    return pd.DataFrame(dict(given))


def _is_column(values: Any) -> bool:
    if isinstance(values, np.ndarray):
        return values.ndim == 1
    return isinstance(values, list | tuple | pd.Series | pd.Index)


def _of_path(path: Path, kinds: Sequence[InputKind], run: Path) -> pd.DataFrame:
    """The rows of a file, the files of a folder, or one file that is itself an input."""
    if not path.exists():
        raise DataError(f"{path}: no such file or folder (looked in {Path.cwd()})")
    if path.is_dir():
        table = open_folder(path, kinds)
        return next(iter(table.blocks(list(table.columns), len(table))))
    for kind in kinds:
        if path.suffix.lower() in kind.file_endings and len(kind.own_columns) == 1:
            return pd.DataFrame({kind.own_columns[0]: [str(path)]}, dtype=object)
    return read_rows(path, run)


def _of_array(given: Any, names: list[str]) -> pd.DataFrame:
    """An array of as many columns as the model reads, in the order of training."""
    if not len(given):
        return pd.DataFrame({name: [] for name in names})
    try:
        frame = pd.DataFrame(np.asarray(given) if isinstance(given, np.ndarray) else given)
    except (ValueError, TypeError):
        raise DataError(_not_rows(given, names)) from None
    if frame.shape[1] != len(names):
        raise DataError(
            f"{frame.shape[1]} columns, where the model reads {_listed(names)}, in this order"
        )
    return frame.set_axis(names, axis=1).infer_objects()


def _one_column(values: Iterable[Any], names: list[str]) -> pd.DataFrame:
    if len(names) != 1:
        raise DataError(f"one column, where the model reads {_listed(names)}; give a DataFrame")
    return pd.DataFrame({names[0]: pd.Series(list(values), dtype=object)})


def _not_rows(given: Any, names: list[str]) -> str:
    what = repr(given[:40]) if isinstance(given, str) else type(given).__name__
    return (
        f"{what}: no rows, and no file that is there; give a DataFrame with {_listed(names)}, "
        "a list of rows, a dict of columns or the path of a file"
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:SHOWN_COLUMNS])
    count = "1 column" if len(names) == 1 else f"{len(names)} columns"
    return f"{count} ({shown}{', ...' if len(names) > SHOWN_COLUMNS else ''})"
