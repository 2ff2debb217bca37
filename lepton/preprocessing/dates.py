"""Dates as numbers: parts of the calendar and a running count of days."""

import numpy as np
import pandas as pd

EPOCH, ONE_DAY = np.datetime64("1970-01-01"), np.timedelta64(1, "D")
MAX_DATE_FEATURES = 6  # of a date with its time of day


def date_feature_names(name: str, hour: bool) -> list[str]:
    """Feature names of a date column; `hour` where its training rows hold times of day."""
    units = ["year", "month", "day", "weekday", *(["hour"] if hour else []), "days since 1970"]
    return [f"{name} {unit}" for unit in units]


def has_time(dates: pd.Series) -> bool:
    """True when any of the dates is not at midnight."""
    present = dates.dropna()
    return bool((present != present.dt.normalize()).any())


def date_features(dates: pd.Series, hour: bool) -> np.ndarray:
    """The features of each date, in the order of `date_feature_names`; NaN for a missing date.

    Shapes: dates (N,) -> (N, 5), or (N, 6) with the hour; float64.
    Units: weekday 0 is Monday; days since 1970 hold the time of day as a fraction.

    >>> date_features(pd.Series(pd.to_datetime(["1970-01-02 12:00"])), hour=True)
    array([[1.97e+03, 1.00e+00, 2.00e+00, 4.00e+00, 1.20e+01, 1.50e+00]])
    """
    calendar = dates.dt
    features = [calendar.year, calendar.month, calendar.day, calendar.day_of_week]
    features += [calendar.hour] if hour else []
    features += [(dates - EPOCH) / ONE_DAY]
    return np.column_stack([np.asarray(feature, dtype=np.float64) for feature in features])
