"""Numbers and category codes of all splits, made in one pass over the blocks of a table."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from lepton.preprocessing.table import TablePreprocessing

BLOCK_ROWS = 16_384  # of a table at a time: the numbers of a block are in memory several times over
MakeSplitArray = Callable[[str, str, tuple[int, ...], type], np.ndarray]


def transform_splits(
    preprocessor: TablePreprocessing,
    blocks: Iterable[pd.DataFrame],
    rows_by_split: Mapping[str, np.ndarray],
    make_array: MakeSplitArray,
) -> dict[str, dict[str, np.ndarray]]:
    """`num` and `cat` of the rows of each split, in their order; without those of no column.

    `make_array` makes an empty array of a split, a name, a shape and a type.
    Shapes: rows_by_split[split] (N,), row numbers in the blocks laid end to end.
    """
    widths = {
        "num": (len(preprocessor.num_features), np.float32),
        "cat": (len(preprocessor.cat_features), np.int64),
    }
    splits = {
        split: {
            name: make_array(split, name, (len(rows), width), dtype)
            for name, (width, dtype) in widths.items()
            if width
        }
        for split, rows in rows_by_split.items()
    }
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
