"""Dates as numbers: calendar parts and a running count of days."""

import numpy as np
import pandas as pd

EPOCH, DAY = np.datetime64("1970-01-01"), np.timedelta64(1, "D")


def part_names(name: str, hour: bool) -> list[str]:
    """Feature names of a date column; `hour` where its training rows hold times of day."""
    parts = ["year", "month", "day", "weekday", *(["hour"] if hour else []), "days since 1970"]
    return [f"{name} {part}" for part in parts]


def has_time(dates: pd.Series) -> bool:
    """Whether any of the dates is not at midnight."""
    present = dates.dropna()
    return bool((present != present.dt.normalize()).any())


def date_parts(dates: pd.Series, hour: bool) -> np.ndarray:
    """The parts of each date, in the order of `part_names`; NaN where the date is missing.

    Shapes: dates (N,) -> (N, 5), or (N, 6) with the hour; float64.
    Units: weekday 0 is Monday; days since 1970 hold the time of day as a fraction.

    >>> date_parts(pd.Series(pd.to_datetime(["1970-01-02 12:00"])), hour=True)
    array([[1.97e+03, 1.00e+00, 2.00e+00, 4.00e+00, 1.20e+01, 1.50e+00]])
    """
    calendar = dates.dt
    parts = [calendar.year, calendar.month, calendar.day, calendar.day_of_week]
    parts += [calendar.hour] if hour else []
    days = (dates - EPOCH) / DAY
    return np.column_stack([np.asarray(part, dtype=np.float64) for part in [*parts, days]])
