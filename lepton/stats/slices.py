"""Slices of a data set where a run errs more or less than elsewhere: a slice is the rows of one
value of one column."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from lepton.stats.exchangeable import (
    are_counts,
    corrected_p_values,
    share_interval,
    wilson_interval,
)
from lepton.stats.pairs import mean_interval

MIN_SAMPLES = 8  # samples of a slice
NUMBER_BINS = 4  # slices of a column of numbers, as many samples in each
EVALUATOR = "slices"  # whose table of the same name a run folder may hold


def slices(
    inputs: pd.DataFrame,
    errors: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    min_samples: int = MIN_SAMPLES,
    number_bins: int = NUMBER_BINS,
    level: float = 0.05,
) -> pd.DataFrame:
    """A row for each slice, ordered by how surely it differs from the samples outside of it.

    Columns: slice, n, mean, low, high (95 % interval: of shares Wilson's, of losses by t),
        p_holm (`corrected_p_values` against the samples outside).
    By weights of samples means are weighted, shares are those of as many samples as the weights are
    worth, and how far weighted errors are from their mean is compared with shuffled ones.
    Shapes: errors (samples,), weight (samples,) above 0.
    Source: samples' worth by Kish 1965, Survey Sampling, section 11.7
    """
    if weight is not None and (weight == weight[0]).all():
        weight = None
    names, masks = [], []
    for name, is_inside in slice_masks(inputs, min_samples=min_samples, number_bins=number_bins):
        names.append(name)
        masks.append(is_inside)
    if weight is None:
        interval = share_interval if are_counts(errors) else _loss_interval
        intervals, compared = [interval(errors[mask]) for mask in masks], errors
    else:
        interval = _weighted_share_interval if are_counts(errors) else _weighted_loss_interval
        intervals = [interval(errors[mask], weight[mask]) for mask in masks]
        compared = weight * (errors - np.average(errors, weights=weight))
    rows = [(n, m.sum(), *limits) for n, m, limits in zip(names, masks, intervals, strict=True)]
    table = pd.DataFrame(rows, columns=["slice", "n", "mean", "low", "high"])
    table["p_holm"] = corrected_p_values(compared, masks, level)
    distance = -(table["mean"] - np.average(errors, weights=weight)).abs() * np.sqrt(
        table["n"].astype(float)
    )
    order = table.assign(distance=distance).sort_values(["p_holm", "distance"], kind="stable")
    return order.drop(columns="distance").reset_index(drop=True)


def _loss_interval(losses: np.ndarray) -> tuple[float, float, float]:
    return mean_interval(losses, limits=(0.0, np.inf))


def _weighted_share_interval(errors: np.ndarray, weight: np.ndarray) -> tuple[float, float, float]:
    share, worth = np.average(errors, weights=weight), weight.sum() ** 2 / np.square(weight).sum()
    low, high = wilson_interval(share * worth, worth)
    return float(share), float(max(low, 0)), float(min(high, 1))


def _weighted_loss_interval(losses: np.ndarray, weight: np.ndarray) -> tuple[float, float, float]:
    """That of the mean of what each loss moves the weighted mean by, which is the same mean."""
    mean = np.average(losses, weights=weight)
    return _loss_interval(mean + weight / weight.mean() * (losses - mean))


def slice_masks(
    inputs: pd.DataFrame, *, min_samples: int, number_bins: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the name of each slice, and which samples it holds; so many at least, and outside too.

    Shapes: (samples,), bool.
    """
    for column in inputs:
        values = slice_values(inputs[column], number_bins)
        for value in values.dropna().unique():
            is_inside = (values == value).to_numpy(bool, na_value=False)
            if min_samples <= is_inside.sum() <= len(inputs) - min_samples:
                yield f"{column} = {value}", is_inside


def slice_values(column: pd.Series, number_bins: int) -> pd.Series:
    """The values of a column as texts; those of many numbers as the bins they lie in."""
    column = _as_numbers(column)
    if not pd.api.types.is_numeric_dtype(column) or column.nunique() <= number_bins:
        return column.astype("str").where(column.notna())
    return binned(column, number_bins, "{:.4g} to {:.4g}").astype("str").where(column.notna())


def _as_numbers(column: pd.Series) -> pd.Series:
    """A column of texts that are all numbers, and none a code as 007, as these numbers."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    are_numbers = (numbers.notna() == column.notna()).all() and np.isfinite(numbers.dropna()).all()
    are_codes = column.dropna().astype("str").str.match(r"[+-]?0\d").any()
    return numbers if are_numbers and not are_codes else column


def binned(column: pd.Series, count: int, name: str) -> pd.Series:
    """The bins that numbers lie in, as many numbers in each, named by their edges."""
    bins, edges = pd.qcut(column.astype(float), count, retbins=True, duplicates="drop")
    return bins.cat.rename_categories(
        [name.format(low, high) for low, high in pairwise(edges)] if len(edges) > 1 else []
    )
