"""The tables of gaps between groups, and what is shown of them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lepton.evaluation.shown_table import ShownTable, with_limits
from lepton.metric.ranges import metric_range
from lepton.stats.group_gaps import GroupGaps

GAPS, REST, GROUPS = "gaps", "against_rest", "groups"  # the tables


def gap_table(parts: Sequence[GroupGaps], groups: Sequence[str]) -> pd.DataFrame:
    """A row a metric: its smallest and its largest value, whose they are, and the difference."""
    rows = []
    for part in parts:
        p = np.minimum(part.p * len(parts), 1)
        for i, metric in enumerate(part.metrics):
            values = part.values[:, i]
            if not np.isfinite(part.difference[i]):
                continue
            smallest, largest = int(np.nanargmin(values)), int(np.nanargmax(values))
            rows.append(
                {
                    "metric": metric,
                    **{"smallest": values[smallest], "group_of_smallest": groups[smallest]},
                    **{"largest": values[largest], "group_of_largest": groups[largest]},
                    **{"difference": part.difference[i], "low": part.low[i]},
                    **{"high": np.minimum(part.high[i], _width(metric)), "p": p[i]},
                }
            )
    return pd.DataFrame(rows)


def rest_table(parts: Sequence[GroupGaps], groups: Sequence[str]) -> pd.DataFrame:
    """A row for each group and metric: its value, minus that of the rows of all other groups."""
    rows = [
        {
            "group": group,
            "metric": metric,
            "value": part.values[g, i],
            "difference": part.rest_difference[g, i],
            "low": part.rest_low[g, i],
            "high": part.rest_high[g, i],
            "p": min(part.rest_p[g, i] * len(parts), 1),
        }
        for g, group in enumerate(groups)
        for part in parts
        for i, metric in enumerate(part.metrics)
    ]
    return pd.DataFrame(rows).dropna(subset=["difference"]).reset_index(drop=True)


def by_metric(table: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """The rows in the order of these metrics."""
    places = {name: i for i, name in enumerate(metrics)}
    ordered = table.sort_values("metric", key=lambda names: names.map(places), kind="stable")
    return ordered.reset_index(drop=True)


def shown_gaps(frames: Mapping[str, pd.DataFrame], column: str, level: float) -> ShownTable:
    """What `lepton evaluate` shows of the tables: a row a metric, and lines on the groups."""
    gaps, rest, groups = frames[GAPS], frames[REST], frames[GROUPS]
    rows = [
        {
            "metric": row.metric,
            "smallest": f"{row.smallest:.4f} {row.group_of_smallest}",
            "largest": f"{row.largest:.4f} {row.group_of_largest}",
            "difference [95 %]": with_limits(row.difference, row.low, row.high),
            "p": f"{row.p:.3f}",
        }
        for row in gaps.itertuples()
    ]
    compared, left_out = groups_with_sizes(groups)
    lines = [f"groups of {column}: {compared}"]
    if left_out:
        lines.append(f"left out, too few rows: {left_out}")
    different = rest[rest["p"] < level]
    lines += [
        f"{row.group}: {row.metric} {row.value:.4f}, {row.difference:+.4f} against the rest "
        f"{_limits(row.low, row.high, signed=True)} (p = {row.p:.3f})".replace("  ", " ")
        for row in different.itertuples()
    ] or ["no group differs from the rest beyond chance"]
    if gaps["low"].isna().any() and gaps["low"].notna().any():
        names = ", ".join(gaps.loc[gaps["low"].isna(), "metric"])
        lines.append(f"without an interval, since a group's size alone changes it: {names}")
    lines.append(
        "p: how often shuffled groups have as large a gap in any metric; a largest difference is "
        "never below 0, so that only p and an interval that leaves out 0 tell groups apart"
    )
    return ShownTable(pd.DataFrame(rows), lines, all_metrics=True)


def groups_with_sizes(groups: pd.DataFrame) -> tuple[str, str]:
    """The groups that are compared and those left out, each with how many rows it has."""
    texts = groups["group"] + " (" + groups["rows"].astype(str) + ")"
    return ", ".join(texts[groups["compared"]]), ", ".join(texts[~groups["compared"]])


def _limits(low: float, high: float, *, signed: bool = False) -> str:
    if np.isnan(low):
        return ""
    return f"[{low:+.4f}, {high:+.4f}]" if signed else f"[{low:.4f}, {high:.4f}]"


def _width(metric: str) -> float:
    low, high = metric_range(metric)
    return high - low
