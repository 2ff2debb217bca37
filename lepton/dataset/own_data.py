"""What is told of a data set of the user's that is none, or reads something else than tables."""

from typing import Any

import pandas as pd

from lepton.errors import ConfigError, DataError

WANTED = "it returns two: the rows as a DataFrame, and those of a test file or None"


def no_data_set(option: str, target: type) -> ConfigError:
    """The error for a class that is derived from no data set."""
    return ConfigError(
        f"{option}: {target.__name__} is no data set; derive it from "
        "lepton.dataset.tabular.TabularData, lepton.dataset.text.TextData or another Data"
    )


def no_reading(name: str) -> DataError:
    """The error for a data set of this name without `read`."""
    return DataError(f"{name}: defines no read(self); {WANTED}")


def frames_read(tables: Any, name: str) -> tuple[pd.DataFrame, pd.DataFrame | None]:
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
    return frame, test
