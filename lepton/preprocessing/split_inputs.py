"""Numbers and category codes of all splits, made of the columns or the blocks of a table."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from lepton.preprocessing.categories import Factorized, read_categories
from lepton.preprocessing.dates import read_dates
from lepton.preprocessing.many_columns import CELLS_READ, in_groups
from lepton.preprocessing.number_matrix import read_columns
from lepton.preprocessing.table import Columns, TablePreprocessing

BLOCK_ROWS = 16_384  # of a table at a time: the numbers of a block are in memory several times over
READ_TOGETHER = (("numeric",), ("date",), ("categorical", "boolean"))  # kinds of columns
MakeSplitArray = Callable[[str, str, tuple[int, ...], type], np.ndarray]


def transform_blocks(
    preprocessor: TablePreprocessing,
    blocks: Iterable[pd.DataFrame],
    rows_by_split: Mapping[str, np.ndarray],
    make_array: MakeSplitArray,
) -> dict[str, dict[str, np.ndarray]]:
    """`num` and `cat` of the rows of each split, in their order; without those of no column.

    The table comes in blocks of rows, which suits arrays that lie on a disk. `make_array` makes an
    empty array of a split, a name, a shape and a type.
    Shapes: rows_by_split[split] (N,), row numbers in the blocks laid end to end.
    """
    splits = _empty_splits(preprocessor, rows_by_split, make_array)
    orders = {split: np.argsort(rows, kind="stable") for split, rows in rows_by_split.items()}
    start = 0
    for block in blocks:
        for split, order in orders.items():
            rows = rows_by_split[split]
            first, last = np.searchsorted(rows, [start, start + len(block)], sorter=order)
            if first == last:
                continue
            places = order[first:last]
            num, cat = preprocessor.transform(block, rows[places] - start)
            for name, values in (("num", num), ("cat", cat)):
                if name in splits[split]:
                    splits[split][name][places] = values.numpy()
        start += len(block)
    return splits


def transform_columns(
    preprocessor: TablePreprocessing,
    columns: Columns,
    rows_by_split: Mapping[str, np.ndarray],
    make_array: MakeSplitArray,
) -> dict[str, dict[str, np.ndarray]]:
    """The same of a table that comes column by column, which suits arrays in memory.

    The preprocessing must treat columns apart; as many are transformed at once as are few cells.
    """
    splits = _empty_splits(preprocessor, rows_by_split, make_array)
    ends = np.cumsum([len(rows) for rows in rows_by_split.values()])[:-1]
    all_rows = np.concatenate([*rows_by_split.values()])
    cat_places = {name: i for i, name in enumerate(preprocessor.cat_features)}
    for names in in_groups(list(preprocessor.kinds), len(columns), CELLS_READ):
        alone, number_places = preprocessor.of_columns(dict.fromkeys(names))
        places = {"num": number_places, "cat": [cat_places[n] for n in names if n in cat_places]}
        num, cat = alone.transform(HeldColumns(columns, alone.kinds), all_rows)
        for kind, values in (("num", num.numpy()), ("cat", cat.numpy())):
            for split, of_split in zip(splits, np.split(values, ends), strict=True):
                if places[kind]:
                    splits[split][kind][:, places[kind]] = of_split
    return splits


class HeldColumns:
    """Some columns of a table, each read once, by their kinds."""

    def __init__(self, columns: Columns, kinds: Mapping[str, str]):
        self.rows, self.kinds = len(columns), kinds
        numeric, dates, others = (
            [name for name, kind in kinds.items() if kind in some] for some in READ_TOGETHER
        )
        self.block = np.stack(read_columns(columns, numeric)).T if numeric else np.empty((0, 0))
        self.days = np.stack(read_dates(columns, dates)).T if dates else np.empty((0, 0))
        self.factorized = list(read_categories(columns, others))

    def __contains__(self, name: object) -> bool:
        return name in self.kinds

    def __getitem__(self, name: str) -> pd.Series:
        raise KeyError(name)  # columns are asked for together

    def __len__(self) -> int:
        return self.rows

    def numbers(self, names: list[str]) -> np.ndarray:
        """All numeric columns."""
        return self.block

    def dates(self, names: list[str]) -> np.ndarray:
        """All columns of dates."""
        return self.days

    def categories(self, names: list[str]) -> list[Factorized]:
        """All categorical columns."""
        return self.factorized


def _empty_splits(
    preprocessor: TablePreprocessing,
    rows_by_split: Mapping[str, np.ndarray],
    make_array: MakeSplitArray,
) -> dict[str, dict[str, np.ndarray]]:
    widths = {
        "num": (len(preprocessor.num_features), np.float32),
        "cat": (len(preprocessor.cat_features), np.int64),
    }
    return {
        split: {
            name: make_array(split, name, (len(rows), width), dtype)
            for name, (width, dtype) in widths.items()
            if width
        }
        for split, rows in rows_by_split.items()
    }
