"""Selection: which rows and columns of a table are used."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from lepton.dataset.clean.file_parts import FileParts
from lepton.dataset.clean.row_condition import KEY, RowCondition
from lepton.dataset.clean.suggestion import suggestion
from lepton.dataset.read.raw_table import RawTable, join_tables
from lepton.dataset.read.selected_rows import some_rows
from lepton.errors import DataError, RowError


@dataclass(frozen=True)
class Selection:
    """The condition that rows meet, and the names, perhaps with *, of columns; None: all."""

    where: str | None = None
    keep: list[str] | None = None
    drop: list[str] | None = None

    def rows(self, table: RawTable, files: FileParts) -> tuple[RawTable, FileParts]:
        """The rows that meet the condition, whose notes say how many of each file do not.

        Raises: ConfigError for what is no condition on the columns; DataError for a file of which
            no row is left.
        """
        if self.where is None:
            return table, files
        condition = RowCondition(self.where, KEY, tuple(map(str, table.columns)))
        is_kept = condition.rows(table.__getitem__)
        own = int(is_kept[: files.file_rows].sum())
        for name, part in files.slices or [("the data", slice(None))]:
            if not is_kept[part].any():
                rows = len(is_kept[part])
                raise DataError(f"{KEY}: {self.where!r} leaves none of the {rows} rows of {name}")
        numbers = np.flatnonzero(is_kept)
        selected = some_rows(table, numbers)
        complete = [name for name in condition.keys if selected[name].notna().all()]
        words = getattr(table, "missing_words", {})
        selected.missing_words = {n: found for n, found in words.items() if n not in complete}
        notes = files.notes("rows left out", ~is_kept, f"{KEY} {self.where!r}")
        selected.notes = [*table.notes, *notes]
        return selected, replace(files, file_rows=own, selected=numbers)

    def left_out(
        self, columns: pd.Index, declared: Collection[str], others: Collection[str]
    ) -> list[str]:
        """The columns that are no inputs; `others`, as the target, are none anyway.

        Raises: DataError for a name that is no column's, or that has a kind declared.
        """
        named = [str(name) for name in columns]
        dropped = _matching("drop", self.drop or [], named)
        if self.keep is not None:
            kept = _matching("keep", self.keep, named)
            dropped |= {name for name in named if name not in kept}
        dropped -= {*others}
        if twice := sorted(dropped & {*declared}):
            key = "keep" if twice[0] not in _matching("drop", self.drop or [], named) else "drop"
            raise DataError(
                f"dataset.columns.{twice[0]}: sets the kind of a column that dataset.{key} "
                "leaves out"
            )
        return [name for name in named if name in dropped]

    @contextmanager
    def named(self) -> Iterator[None]:
        """Has errors in data whose rows were selected say so, but those that name a row."""
        try:
            yield
        except RowError:
            raise
        except DataError as e:
            if self.where is None:
                raise
            raise DataError(f"{e} (of the rows that {KEY} {self.where!r} keeps)") from None


def join_files(
    table: RawTable, test: RawTable | None, names: tuple[str, str]
) -> tuple[RawTable, FileParts]:
    """The rows of the data file and of a test file where there is one, and which are whose."""
    if test is None:
        return table, FileParts((), len(table))
    return join_tables(table, test, names), FileParts(names, len(table))


def _matching(key: str, patterns: list[str], columns: list[str]) -> set[str]:
    """The columns of these names.

    Raises: DataError for a name of none.
    """
    matching = set()
    for pattern in patterns:
        names = [pattern] if pattern in columns else [c for c in columns if fnmatchcase(c, pattern)]
        if not names:
            raise DataError(f"dataset.{key}: no column {pattern!r}{suggestion(pattern, columns)}")
        matching |= {*names}
    return matching
