"""Which validation metric the scores of runs are, as a table of them tells by the numbers."""

import numpy as np
import pandas as pd

from lepton.metric.direction import larger_is_better
from lepton.values.metric_text import metric_name

PREFIX = "val/"
MONITOR_KEY = "task.monitor"
USUAL_MONITORS = ("log_loss", "rmse")  # of tasks, where none is named
SCORE = "score"


def score_caution(runs: pd.DataFrame) -> str | None:
    """A sentence where the scores of a table are of several metrics, so that none is the best."""
    metrics = _score_metrics(runs)
    if len(metrics) < 2:
        return None
    return (
        f"The scores are {', '.join(metrics[:-1])} of some runs and {metrics[-1]} of others "
        "(task, task.monitor): they do not compare; --select METRIC orders by one that all have."
    )


def ordered_column(select: str, runs: pd.DataFrame) -> str:
    """The column that orders the runs of a table: `select`, or where that is the score, the metric
    that the scores of all of them are; the score where it is none, or several."""
    if select != SCORE and select in runs:
        return select
    metrics = _score_metrics(runs)
    if len(metrics) != 1:
        return SCORE
    column = f"{PREFIX}{metrics[0]}"
    scores = runs[SCORE].astype(float)
    return column if (runs[column].abs() == scores.abs())[scores.notna()].all() else SCORE


def selection_name(column: str) -> str:
    """What a column that orders options is called, as `val log_loss`."""
    return "validation score" if column == SCORE else metric_name(column)


def directed(column: str, runs: pd.DataFrame, value: float | None = None) -> str:
    """A metric by its name, with the direction that is better, as `val log_loss 0.4910 (smaller is
    better)`."""
    direction = "larger" if larger_is_better(column, runs) else "smaller"
    number = "" if value is None else f" {value:.4f}"
    return f"{selection_name(column)}{number} ({direction} is better)"


def _score_metrics(runs: pd.DataFrame) -> list[str]:
    """As few metrics as tell the score of each run, which is the metric or, turned, its negative.

    Runs of whose score no metric is left in the table tell nothing.
    """
    names = [name for name in runs.columns if name.startswith(PREFIX)]
    if SCORE not in runs or not names:
        return []
    named = {*runs[MONITOR_KEY].dropna()} if MONITOR_KEY in runs else set()
    likely = [f"{PREFIX}{name}" for name in (*named, *USUAL_MONITORS)]
    names.sort(key=[*likely, *names].index)  # the first of those that are equal is taken
    values = np.abs(runs[names].to_numpy(float))
    is_score = values == np.abs(runs[SCORE].to_numpy(float))[:, None]
    found = []
    while is_score.any():
        most = int(is_score.sum(0).argmax())
        found.append(names[most].removeprefix(PREFIX))
        is_score = is_score[~is_score[:, most]]
    return sorted(found)


def score_columns(runs: pd.DataFrame) -> list[str]:
    """The columns of the validation metrics that the scores of a table are."""
    return [f"{PREFIX}{name}" for name in _score_metrics(runs)]
