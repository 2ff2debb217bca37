"""Dates as numbers: parts of the calendar and a running count of days."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

EPOCH, ONE_DAY = np.datetime64("1970-01-01"), np.timedelta64(1, "D")
MAX_DATE_FEATURES = 6  # of a date with its time of day


def date_feature_names(name: str, hour: bool) -> list[str]:
    """Feature names of a date column; `hour` where its training rows hold times of day."""
    units = ["year", "month", "day", "weekday", *(["hour"] if hour else []), "days since 1970"]
    return [f"{name} {unit}" for unit in units]


def read_dates(columns: Any, names: list[str]) -> Sequence[np.ndarray]:
    """Columns of dates, many at once where their class has `dates`."""
    if names and hasattr(type(columns), "dates"):
        return columns.dates(names).T
    return [columns[name].to_numpy() for name in names]


def have_time(dates: np.ndarray) -> list[bool]:
    """For each column whether any of its dates is not at midnight. Shapes: dates (columns, N)."""
    is_later = (dates != dates.astype("datetime64[D]")) & ~np.isnat(dates)
    return is_later.any(axis=1).tolist()


def date_features(dates: np.ndarray, hours: Sequence[bool]) -> np.ndarray:
    """The features of columns of dates, in the order of `date_feature_names`; NaN where missing.

    Shapes: dates (columns, N) -> (N, 5 for each column, or 6 with its hour); float64.
    Units: weekday 0 is Monday; days since 1970 hold the time of day as a fraction.

    >>> date_features(np.array([["1970-01-02T12:00"]], dtype="datetime64[ns]"), hours=[True])
    array([[1.97e+03, 1.00e+00, 2.00e+00, 4.00e+00, 1.20e+01, 1.50e+00]])
    """
    calendar = pd.DatetimeIndex(dates.ravel())
    features = [calendar.year, calendar.month, calendar.day, calendar.day_of_week]
    features += [calendar.hour] if any(hours) else []
    features = [np.asarray(feature, dtype=np.float64).reshape(dates.shape) for feature in features]
    features.append((dates - EPOCH) / ONE_DAY)
    is_hour = [False] * 4 + [True] * any(hours) + [False]
    of_columns = [
        feature[column]
        for column, has_hour in enumerate(hours)
        for feature, is_of_hour in zip(features, is_hour, strict=True)
        if has_hour or not is_of_hour
    ]
    return np.stack(of_columns).T
