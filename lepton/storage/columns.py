"""The columns that every table of a study has, and the values that a column may hold."""

from collections.abc import Iterable
from types import NoneType
from typing import Any

from lepton.errors import Damaged

TEXT = "str"  # as pandas 3 calls it
COLUMN_TYPES = {
    **dict.fromkeys(("run", "status", "error", "folder", "trained"), TEXT),
    **dict.fromkeys(("seed", "epochs", "best_epoch", "parameters", "trainable"), "Int64"),
    **dict.fromkeys(("score", "seconds", "memory_mb"), "float64"),
}
CELLS = {str, int, float, bool, NoneType}  # the types of values that a column may hold
CELLS_BY_TYPE = {
    TEXT: {str, NoneType},
    "Int64": {int, bool, NoneType},
    "float64": {float, int, NoneType},
}
CELLS_BY_COLUMN = {name: CELLS_BY_TYPE[kind] for name, kind in COLUMN_TYPES.items()}


def check_cells(row: dict[str, Any]) -> None:
    """Raises: Damaged for a name or a value that no column can have, as a list of options."""
    for name, value in row.items():
        if type(name) is not str or type(value) not in CELLS_BY_COLUMN.get(name, CELLS):
            raise Damaged(f"not a run of lepton's ({name} is {value!r:.60}); remove the folder")


def can_hold(name: str, values: Iterable[Any]) -> bool:
    """True where a column of this name may hold all of these values."""
    return {*map(type, values)} <= CELLS_BY_COLUMN.get(name, CELLS)
