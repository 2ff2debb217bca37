"""ShownTable: what an evaluator shows of its tables, as `lepton evaluate` prints it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class ShownTable:
    """A table of texts, and the lines below it; one with `all_metrics` tells all that the evaluator
    measured, which then stands in no line of its own."""

    texts: pd.DataFrame
    lines: Sequence[str] = ()
    all_metrics: bool = False


def with_limits(value: float, low: float, high: float, *, sign: str = "") -> str:
    """A number and its interval, or without one the number; nothing of one that is undefined.

    `sign="+"` writes a plus before a positive number.
    """
    if np.isnan(value):
        return ""
    limits = "" if np.isnan(low) else f" [{low:{sign}.4f}, {high:{sign}.4f}]"
    return f"{value:{sign}.4f}{limits}"
