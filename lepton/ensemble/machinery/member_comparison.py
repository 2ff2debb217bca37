"""Compares an ensemble with its members: scores, contributions, diversity."""

from pathlib import Path
from typing import Any

import pandas as pd

from lepton.ensemble.machinery.diversity import (
    disagreement,
    error_correlation,
    mean_over_others,
)
from lepton.ensemble.machinery.fitting import FittedEnsemble


def compare_scores(fitted: FittedEnsemble) -> dict[str, dict[str, float]]:
    """For each split/metric: best (member on validation), members (their mean), ensemble."""
    comparison, task = {}, fitted.pool.task
    for name, split in fitted.pool.splits.items():
        compared = split.target, split.weight
        of_members = [task.score_rows(split.prediction[i], *compared) for i in fitted.used]
        of_best = task.score_rows(split.prediction[0], *compared)
        of_ensemble = task.score_rows(fitted.predictions[name], *compared)
        for metric, value in of_ensemble.items():
            values = [metrics[metric] for metrics in of_members]
            comparison[f"{name}/{metric}"] = {
                "best": of_best[metric],
                "members": sum(values) / len(values),
                "ensemble": value,
            }
    return comparison


def members_table(fitted: FittedEnsemble) -> pd.DataFrame:
    """A row for each entry of the pool, the best first; NaN where it is not used.

    Columns: run, runs (one a fold), weight, score, contribution, size (bytes of weights),
    disagreement and error_correlation (means over the other entries in use).
    """
    pool, task = fitted.pool, fitted.pool.task.name
    val = pool.splits["val"]
    table = pd.DataFrame(
        {
            "run": [entry.name for entry in pool.entries],
            "runs": [len(entry.members) for entry in pool.entries],
            "weight": fitted.weights.numpy(),
            "score": pool.scores.numpy(),
            "contribution": fitted.contribution.numpy(),
            "size": [entry.size for entry in pool.entries],
        }
    )
    used = val.prediction[fitted.used]
    for name, pairs in (
        ("disagreement", disagreement(used, task, val.weight)),
        ("error_correlation", error_correlation(used, val.target, task, val.weight)),
    ):
        mean = mean_over_others(pairs)
        if mean is not None:
            table.loc[fitted.used, name] = mean.numpy()
        else:
            table[name] = float("nan")
    return table


def ensemble_facts(
    fitted: FittedEnsemble, members: pd.DataFrame, skipped: list[tuple[Path, str]], *, picked: float
) -> dict[str, Any]:
    """The numbers that are kept of an ensemble beside its predictions and its members' table."""
    pool, used = fitted.pool, members.iloc[fitted.used]
    val = pool.splits["val"]
    ensemble_score, best = pool.scorer(fitted.predictions["val"], val.target), pool.scores[0].item()
    nothing_to_compare = len(pool) == 1  # the folds of one setting
    return {
        "metric": pool.scorer.metric,
        "score": ensemble_score,
        "compared": not nothing_to_compare,
        "beaten": not nothing_to_compare and ensemble_score <= best,
        "scored": fitted.method.scored,
        "best": {"run": pool.entries[0].name, "score": best, "picked": picked},
        "used": len(fitted.used),
        "considered": len(pool),
        "skipped": [{"folder": str(path), "why": why} for path, why in skipped],
        "disagreement": _mean(used["disagreement"]),
        "error_correlation": _mean(used["error_correlation"]),
        "scores": compare_scores(fitted),
    }


def _mean(column: pd.Series) -> float | None:
    return float(column.mean()) if column.notna().any() else None
