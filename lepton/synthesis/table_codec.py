"""TableCodec: columns of a data set as numbers and codes for a generator, and back."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lepton.dataset.clean.column_kinds import PARSERS
from lepton.dataset.read.raw_table import RawTable
from lepton.generator.rows import TableRows
from lepton.spec import DataSpec

NUMBERS = ("numeric", "date")
MOST_WHOLE = 2.0**53  # beyond which a float does not tell a whole number from the next
UNSEEN = -1  # the code of a category that no training row has


@dataclass
class _Number:
    """A column of numbers or dates, and how it is written again."""

    name: str
    values: np.ndarray  # (rows,), dates in seconds
    is_date: bool
    whole_unit: int  # 1 where all training values are whole, of dates 86400 for whole days; 0: none

    def written(self, numbers: np.ndarray) -> pd.Series:
        rounded = numbers
        if self.whole_unit:
            rounded = np.round(numbers / self.whole_unit) * self.whole_unit
        if self.is_date:
            dates = pd.to_datetime(pd.Series(rounded), unit="s")
            return dates.astype("datetime64[s]").rename(self.name)
        column = pd.Series(rounded, name=self.name)
        if self.whole_unit:
            column = column.astype("Int64")
            column = column if column.isna().any() else column.astype("int64")
        return column


@dataclass
class _Category:
    """A column of categories; `cells` are raw ones, one for each code."""

    name: str
    codes: np.ndarray  # (rows,)
    cells: pd.Series

    def written(self, codes: np.ndarray) -> pd.Series:
        return self.cells.iloc[codes].reset_index(drop=True).rename(self.name)


@dataclass(frozen=True)
class TableCodec:
    """The inputs and the target of all rows of a table, and how rows are written in its form."""

    order: list[str]  # of the columns, as the table has them
    numbers: list[_Number]
    categories: list[_Category]
    spec: DataSpec
    left_out: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        table: RawTable,
        kinds: dict[str, str],
        spec: DataSpec,
        labels: np.ndarray,
        train: np.ndarray,
    ) -> "TableCodec":
        """The codec whose categories are those of the training rows.

        `kinds` of the columns to make, the target's apart. Shapes: labels (rows,), the target as
        it is learned, NaN in rows without one; train (n,) positions in the table.
        """
        numbers, categories = [], []
        for name, kind in kinds.items():
            raw = table[name].reset_index(drop=True)
            if kind in NUMBERS:
                numbers.append(_number(name, PARSERS[kind](raw), train))
            else:
                categories.append(_category(name, raw, PARSERS[kind](raw), train))
        (target,) = spec.target_names
        raw = table[target].reset_index(drop=True)
        if spec.task == "regression":
            numbers.append(_number(target, pd.Series(labels), train))
        else:
            codes = np.where(np.isnan(labels), UNSEEN, labels).astype(np.int64)
            firsts = [_first(codes, train, code) for code in range(len(spec.classes))]
            categories.append(_Category(target, codes, raw.iloc[firsts]))
        order = [str(name) for name in table.columns]
        made = {column.name for column in (*numbers, *categories)}
        left_out = [name for name in order if name not in made]
        return cls([name for name in order if name in made], numbers, categories, spec, left_out)

    def rows(self, positions: np.ndarray) -> TableRows:
        """These rows of the table. Shapes: positions (n,)"""
        nothing = np.empty((len(positions), 0))
        numbers = [column.values[positions] for column in self.numbers]
        codes = [column.codes[positions] for column in self.categories]
        return TableRows(
            np.column_stack([nothing, *numbers]),
            np.column_stack([nothing.astype(np.int64), *codes]),
            tuple(len(column.cells) for column in self.categories),
            "number" if self.spec.task == "regression" else "class",
            tuple(map(str, self.spec.classes)) if self.spec.task != "regression" else (),
        )

    def written(self, rows: TableRows) -> pd.DataFrame:
        """Rows as the table holds its own."""
        columns: dict[str, pd.Series] = {}
        for cells, known in ((rows.numbers.T, self.numbers), (rows.codes.T, self.categories)):
            for values, column in zip(cells, known, strict=True):
                columns[column.name] = column.written(values)
        return pd.DataFrame({name: columns[name] for name in self.order})

    def number_names(self) -> Sequence[str]:
        """The columns of numbers, in the order of `TableRows.numbers`."""
        return [column.name for column in self.numbers]

    def category_names(self) -> Sequence[str]:
        """The columns of categories, in the order of `TableRows.codes`."""
        return [column.name for column in self.categories]


def _number(name: str, parsed: pd.Series, train: np.ndarray) -> _Number:
    is_date = pd.api.types.is_datetime64_any_dtype(parsed)
    if is_date:
        seconds = parsed.astype("datetime64[s]").astype("int64").to_numpy(dtype=float)
        values = np.where(parsed.isna(), np.nan, seconds)
    else:
        values = parsed.to_numpy(dtype=float, na_value=np.nan)
    present = values[train][np.isfinite(values[train])]
    unit = 86400 if is_date else 1
    is_whole = len(present) and not (present % unit).any() and np.abs(present).max() < MOST_WHOLE
    return _Number(name, values, is_date, unit if is_whole else int(is_date))


def _category(name: str, raw: pd.Series, parsed: pd.Series, train: np.ndarray) -> _Category:
    """A category's codes by the texts of training rows; missing is one of them, where it is."""
    texts = parsed.astype(object).where(parsed.notna(), None)
    known = pd.Index(sorted({t for t in texts.iloc[train] if t is not None}, key=str))
    codes = known.get_indexer(pd.Index(texts.to_numpy(object)))
    is_missing = parsed.isna().to_numpy()
    codes = np.where(is_missing, UNSEEN, codes)
    size = len(known)
    if is_missing[train].any():
        codes[is_missing], size = len(known), len(known) + 1
    return _Category(name, codes, raw.iloc[[_first(codes, train, code) for code in range(size)]])


def _first(codes: np.ndarray, train: np.ndarray, code: int) -> int:
    """The position of the first training row with a code; of one that none has, the first row."""
    return int(train[np.argmax(codes[train] == code)])
