"""What is told of a data set of the user's that is none, or reads something else than tables."""

from typing import Any

import pandas as pd

from lepton.dataset.read.raw_table import FrameTable
from lepton.errors import DataError

WANTED = "it returns two: the rows as a DataFrame, and those of a test file or None"


def other_class(target: Any, base: type) -> str | None:
    """What is said of a class that is not derived from the base of all data sets; else None."""
    if not isinstance(target, type) or issubclass(target, base):
        return None
    return (
        f"{target.__name__} is no data set; derive it from lepton.dataset.tabular.TabularData, "
        "lepton.dataset.text.TextData or another Data"
    )


def no_reading(name: str) -> DataError:
    """The error for a data set of this name without `read`."""
    return DataError(f"{name}: defines no read(self); {WANTED}")


def tables_read(tables: Any, name: str) -> tuple[FrameTable, FrameTable | None]:
    """What `read` of a data set of this name gave, once it is known to be two tables.

    Raises: DataError for anything else.
    """
    if not isinstance(tables, tuple) or len(tables) != 2:
        given = type(tables).__name__
        raise DataError(f"{name}.read gave one {given}; {WANTED}, as `return frame, None`")
    frame, test = tables
    for table in (frame, test):
        if not isinstance(table, pd.DataFrame) and not (table is None and frame is not None):
            raise DataError(f"{name}.read gave {type(table).__name__} in a pair; {WANTED}")
    return FrameTable(frame), None if test is None else FrameTable(test)
