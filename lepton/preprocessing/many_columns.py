"""What scikit-learn gives for each column alone, to the last bit, computed for many at once."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy import special
from sklearn.base import TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import QuantileTransformer

CELLS_AT_ONCE = 1 << 18  # so that the temporaries of columns with few rows stay small as well
CELLS_READ = 1 << 20  # of neighbouring columns of a table that are read together
EDGE = 1e-7  # how near to the ends of a distribution scikit-learn takes a number for an end


def columns_at_once(rows: int) -> int:
    """How many columns of so many rows are looked at together."""
    return max(1, CELLS_AT_ONCE // max(rows, 1))


def column_blocks(numbers: np.ndarray) -> Iterator[np.ndarray]:
    """Yields views of neighbouring columns. Shapes: (N, F) -> (N, some)."""
    width = columns_at_once(len(numbers))
    for start in range(0, numbers.shape[1], width):
        yield numbers[:, start : start + width]


def in_groups(names: Sequence[str], rows: int, cells: int = CELLS_AT_ONCE) -> Iterator[list[str]]:
    """Yields neighbouring names of columns of so many rows, which hold so many cells at most."""
    width = max(1, cells // max(rows, 1))
    for start in range(0, len(names), width):
        yield list(names[start : start + width])


def fill_values(numbers: np.ndarray, strategy: str) -> list[float]:
    """For each column the value that stands for a missing one; 0 where all are missing."""
    values: list[float] = []
    for block in column_blocks(numbers):
        is_missing = np.isnan(block)
        if strategy == "median" and not is_missing.any() and len(block):
            values += np.median(block, axis=0).tolist()
            continue
        columns = zip(block.T, is_missing.T, strict=True)
        values += [_fill_value(column, missing, strategy) for column, missing in columns]
    return values


def _fill_value(column: np.ndarray, is_missing: np.ndarray, strategy: str) -> float:
    present = column[~is_missing]
    if not len(present):
        imputer = SimpleImputer(strategy=strategy, keep_empty_features=True)
        return float(imputer.fit(column.reshape(-1, 1)).statistics_[0])
    if strategy == "median":
        return float(np.median(present))
    if strategy == "mean":  # zeros in place of what is missing: sums depend on the places
        return float(np.where(is_missing, column.dtype.type(0), column).sum()) / len(present)
    values, counts = np.unique(present, return_counts=True)
    return float(values[counts.argmax()])


def fit_blocks(
    numbers: np.ndarray,
    fit: Callable[[np.ndarray], TransformerMixin],
    fitted_attributes: Sequence[str],
) -> TransformerMixin:
    """The scaler of all columns, fitted on some at a time: the temporaries are those of a few.

    `fitted_attributes` hold the values of columns, in their last dimension.
    Shapes: numbers (N, F); `fit` is given (N, some).
    """
    scalers = [fit(block) for block in column_blocks(numbers)]
    scaler = scalers[0]
    for name in fitted_attributes:
        setattr(scaler, name, np.concatenate([getattr(one, name) for one in scalers], axis=-1))
    scaler.n_features_in_ = numbers.shape[1]
    return scaler


def scale(scaler: TransformerMixin, numbers: np.ndarray) -> np.ndarray:
    """The numbers as a fitted scaler maps them. Shapes: (N, F) -> (N, F)."""
    if type(scaler) is QuantileTransformer and scaler.output_distribution == "normal":
        return _to_normal(scaler, numbers)
    return scaler.transform(numbers)


def _to_normal(scaler: QuantileTransformer, numbers: np.ndarray) -> np.ndarray:
    """What QuantileTransformer does column by column, with one call of each function that can.

    Source: scikit-learn 1.9.1, QuantileTransformer._transform_col.
    """
    if not np.isfinite(numbers).all():
        return scaler.transform(numbers)  # which says what it refuses
    scaled = np.empty(numbers.shape, numbers.dtype, order="F")
    references = scaler.references_
    for values, quantiles, ranks in zip(numbers.T, scaler.quantiles_.T, scaled.T, strict=True):
        ranks[:] = 0.5 * (
            np.interp(values, quantiles, references)
            - np.interp(-values, -quantiles[::-1], -references[::-1])
        )
    low, high = special.ndtri(EDGE - np.spacing(1)), special.ndtri(1 - (EDGE - np.spacing(1)))
    at_once = max(1, CELLS_AT_ONCE // max(numbers.shape[1], 1))
    for start in range(0, len(numbers), at_once):
        rows = slice(start, start + at_once)
        ranks, values = scaled[rows], numbers[rows]
        ranks[values + EDGE > scaler.quantiles_[-1]] = 1
        ranks[values - EDGE < scaler.quantiles_[0]] = 0
        ranks[:] = np.clip(special.ndtri(ranks).astype(float) + 0.0, low, high)
    return scaled
