"""Formats the numbers of a report's tables as text; a missing number is an empty cell."""

import numpy as np
import pandas as pd

from lepton.stats.repetitions import MIN_UNITS


def format_number(value: float | None, sign: str = "") -> str:
    """The number with four decimals, fewer from 10 on; `sign="+"` writes a plus before a positive
    one."""
    if value is None or pd.isna(value):
        return ""
    return f"{value:{sign}.{_decimals(value)}f}"


def format_interval(low: float, high: float, sign: str = "", *, units: float = np.inf) -> str:
    """`[LOW, HIGH]`, or nothing for an interval without width; `units`: the number of values that
    it is of."""
    if 1 < units < MIN_UNITS:
        return "n too small"
    has_width = pd.notna(low) and high > low
    if not has_width:
        return ""
    decimals = _decimals(max(abs(low), abs(high)))
    return f"[{low:{sign}.{decimals}f}, {high:{sign}.{decimals}f}]"


def format_seconds(seconds: float) -> str:
    """The seconds with two digits where they are few, else whole."""
    if pd.isna(seconds):
        return ""
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.2f}"


def format_p_value(p: float) -> str:
    if pd.isna(p):
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def format_percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _decimals(value: float) -> int:
    """As many decimals as leave five digits, at most four."""
    size = abs(value)
    return 4 if not np.isfinite(size) or size < 10 else max(0, 4 - int(np.log10(size)))
