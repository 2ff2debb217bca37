"""Which validation metric the scores of runs are, as a table of them tells by the numbers."""

import numpy as np
import pandas as pd

PREFIX = "val/"


def score_caution(runs: pd.DataFrame) -> str | None:
    """A sentence where the scores of a table are of several metrics, so that none is the best."""
    metrics = _score_metrics(runs)
    if len(metrics) < 2:
        return None
    return (
        f"The scores are {', '.join(metrics[:-1])} of some runs and {metrics[-1]} of others "
        "(task, task.monitor): they do not compare; --select METRIC orders by one that all have."
    )


def _score_metrics(runs: pd.DataFrame) -> list[str]:
    """As few metrics as tell the score of each run, which is the metric or, turned, its negative.

    Runs of whose score no metric is left in the table tell nothing.
    """
    names = [name for name in runs.columns if name.startswith(PREFIX)]
    if "score" not in runs or not names:
        return []
    values = np.abs(runs[names].to_numpy(float))
    is_score = values == np.abs(runs["score"].to_numpy(float))[:, None]
    found = []
    while is_score.any():
        most = int(is_score.sum(0).argmax())
        found.append(names[most].removeprefix(PREFIX))
        is_score = is_score[~is_score[:, most]]
    return sorted(found)


def score_columns(runs: pd.DataFrame) -> list[str]:
    """The columns of the validation metrics that the scores of a table are."""
    return [f"{PREFIX}{name}" for name in _score_metrics(runs)]
