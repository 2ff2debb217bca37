"""Formats the numbers of a report's tables as text; a missing number is an empty cell."""

import numpy as np
import pandas as pd

from lepton.stats.repetitions import MIN_UNITS


def format_number(value: float | None, sign: str = "") -> str:
    """The number with four decimals; `sign="+"` writes a plus before a positive one."""
    return "" if pd.isna(value) else f"{value:{sign}.4f}"


def format_interval(low: float, high: float, sign: str = "", *, units: float = np.inf) -> str:
    """`[LOW, HIGH]`, or nothing for an interval without width; `units`: the number of values that
    it is of."""
    if 1 < units < MIN_UNITS:
        return "n too small"
    has_width = pd.notna(low) and high > low
    return f"[{low:{sign}.4f}, {high:{sign}.4f}]" if has_width else ""


def format_p_value(p: float) -> str:
    if pd.isna(p):
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def format_percent(share: float) -> str:
    return f"{100 * share:.1f} %"
