"""Pairs two columns of the same runs, as what they scored before and after tuning."""

import pandas as pd

from lepton.analysis.grouping import REPETITION_KEYS, rows_by_key, settings_to_match
from lepton.stats.pairs import PairedScores, paired_scores


def changes_by_option(
    runs: pd.DataFrame, keys: list[str], before: str, after: str
) -> dict[tuple, PairedScores]:
    """The pairs of two columns by option, averaged as comparisons do it, of runs that have both."""
    if before not in runs or after not in runs:
        return {}
    runs = runs[runs[before].notna() & runs[after].notna()]
    if runs.empty:
        return {}
    keys = [key for key in keys if key in runs]
    changes = {}
    for option, after_runs in rows_by_key(runs, keys):
        before_runs = after_runs.assign(**{after: after_runs[before]})
        settings = settings_to_match(after_runs, before_runs, keys)
        changes[option] = paired_scores(after_runs, before_runs, after, settings, REPETITION_KEYS)
    return changes
