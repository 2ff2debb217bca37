"""What options do to further metrics, and to the time of training, beside the metric compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lepton.analysis.grouping import (
    difference_table,
    key_with_none,
    rows_by_key,
    summary_table,
)

SECONDS = "seconds"  # of training: of these ratios are told, in place of differences


@dataclass(frozen=True)
class FurtherMetric:
    """A further metric of the options of a comparison.

    Columns: of `table`: keys, mean, pairs, difference, low, high (95 % interval, of this metric
        and option alone). Of seconds `difference` is how many times the baseline's they are, and
        missing where not both were trained alone, or both in stacks.
    """

    metric: str
    table: pd.DataFrame
    lacking: int  # runs without it, which are left out


def further_metrics(
    scored: pd.DataFrame, keys: list[str], names: Sequence[str], baseline: tuple, picked_of: int
) -> list[FurtherMetric]:
    """Those of the metrics that some of the runs have; `picked_of`: as in `interval_level`."""
    found = []
    for name in names:
        runs = scored.dropna(subset=name) if name in scored else scored.iloc[:0]
        if len(runs):
            table = _table(runs, keys, name, baseline, picked_of)
            found.append(FurtherMetric(name, table, len(scored) - len(runs)))
    return found


def _table(
    scored: pd.DataFrame, keys: list[str], name: str, baseline: tuple, picked_of: int
) -> pd.DataFrame:
    means = summary_table(scored, keys, name)[[*keys, "mean"]]
    columns, is_time = ["difference", "low", "high"], name == SECONDS
    if baseline not in dict(rows_by_key(scored, keys)):
        return means.assign(pairs=0, **dict.fromkeys(columns, np.nan))
    frame = scored.assign(seconds=np.log(scored[SECONDS])) if is_time else scored
    gaps = difference_table(frame, keys, name, baseline, picked_of=picked_of)
    if is_time:
        gaps[columns] = np.exp(gaps[columns])
        stacked = {option: _are_stacked(runs) for option, runs in rows_by_key(scored, keys)}
        options = map(key_with_none, gaps[keys].itertuples(index=False, name=None))
        gaps.loc[[stacked[option] != stacked[baseline] for option in options], columns] = np.nan
    return means.merge(gaps[[*keys, "pairs", *columns]], on=keys, how="left")


def _are_stacked(runs: pd.DataFrame) -> set[bool]:
    """Whether runs were trained alone, in stacks, or some of them so."""
    return {*(runs["trained"] != "alone")} if "trained" in runs else set()
