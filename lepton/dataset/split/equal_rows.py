"""Rows of a table whose inputs are equal, found column by column until no two rows are alike."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

KEYS_AT_ONCE = 1 << 20
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def equal_rows(
    names: Iterable[str], column: Callable[[str], pd.Series], rows: np.ndarray
) -> np.ndarray:
    """A number for each of the rows, the same for rows that are equal in all columns.

    Rows that differ from all others have numbers of their own, below 0. A column is read only
    while some rows are alike in all those before it.
    Shapes: rows (n,) -> (n,) int64.
    """
    groups, alike = np.zeros(len(rows), dtype=np.int64), np.arange(len(rows))
    for name in names:
        if not len(alike):
            break
        codes = cell_codes(column(name))[rows[alike]]
        places, merged = _shared(_mixed(groups[alike], codes))
        alike = alike[places]
        groups[alike] = merged
    numbers = -1 - np.arange(len(rows))
    numbers[alike] = groups[alike]
    return numbers


def _shared(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places of keys that stand more than once, and a number for each key among them.

    A part of the keys is looked at at a time, so that memory stays near that of the keys.
    """
    parts = -(-len(keys) // KEYS_AT_ONCE)
    places, numbers, count = [], [], 0
    for part in range(parts):
        some = (
            np.flatnonzero(keys % np.uint64(parts) == part) if parts > 1 else np.arange(len(keys))
        )
        codes = pd.factorize(keys[some])[0]
        has_partner = np.bincount(codes)[codes] > 1 if len(codes) else np.empty(0, dtype=bool)
        places.append(some[has_partner])
        numbers.append(codes[has_partner] + count)
        count += len(some)
    return np.concatenate(places), np.concatenate(numbers)


def cell_codes(column: pd.Series) -> np.ndarray:
    """A whole number for each cell of a parsed column, the same for equal cells and for missing."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.int64)
    if column.dtype == object:
        return pd.factorize(column)[0].astype(np.int64)
    if column.dtype.kind == "M":
        return column.to_numpy().astype(np.int64)
    values = column.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0  # -0.0 is 0.0
    values[np.isnan(values)] = np.nan
    return values.view(np.int64)


def _mixed(groups: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """One number for each pair, different for different pairs but for one chance in 2**64."""
    hashed = _scrambled(codes.view(np.uint64))
    return _scrambled(hashed + MULTIPLIER * groups.astype(np.uint64) + MULTIPLIER)


def _scrambled(numbers: np.ndarray) -> np.ndarray:
    """The finalizer of splitmix64. Source: https://prng.di.unimi.it/splitmix64.c"""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
