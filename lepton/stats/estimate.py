"""Estimate: a number with its interval."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval over rows; NaN where that is undefined."""

    value: float
    low: float
    high: float
