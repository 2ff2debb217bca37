"""An ensemble beside its members: scores, calibration, diversity."""

from typing import Any

import pandas as pd

from lepton.ensemble.machinery.blend import Made
from lepton.ensemble.machinery.diversity import disagreement, error_correlation, with_others
from lepton.metric.scoring import score


def scores(made: Made) -> dict[str, dict[str, float]]:
    """For each split/metric: best (member on validation), members (their mean), ensemble."""
    found, task = {}, made.pool.spec.task
    for split, known in made.pool.splits.items():
        each = [score(known.prediction[i], known.target, task=task) for i in made.used]
        best = score(known.prediction[0], known.target, task=task)
        whole = score(made.predictions[split], known.target, task=task)
        for name, value in whole.items():
            members = [scored[name] for scored in each]
            found[f"{split}/{name}"] = {
                "best": best[name],
                "members": sum(members) / len(members),
                "ensemble": value,
            }
    return found


def table(made: Made) -> pd.DataFrame:
    """A row a part, the best first; NaN where it is not used.

    Columns: run, runs (one a fold), weight, score, contribution, size (bytes of weights),
    disagreement and error_correlation (means over the other parts in use).
    """
    val, task = made.pool.splits["val"], made.pool.spec.task
    frame = pd.DataFrame(
        {
            "run": [part.name for part in made.pool.parts],
            "runs": [len(part.members) for part in made.pool.parts],
            "weight": made.weights.numpy(),
            "score": made.pool.scores.numpy(),
            "contribution": made.contribution.numpy(),
            "size": [part.size for part in made.pool.parts],
        }
    )
    used = val.prediction[made.used]
    for name, pairs in (
        ("disagreement", disagreement(used, task)),
        ("error_correlation", error_correlation(used, val.target, task)),
    ):
        mean = with_others(pairs)
        if mean is not None:
            frame.loc[made.used, name] = mean.numpy()
        else:
            frame[name] = float("nan")
    return frame


def facts(
    made: Made, members: pd.DataFrame, skipped: list[tuple[Any, str]], *, picked: float
) -> dict[str, Any]:
    """What is kept of an ensemble beside its predictions and its members' table."""
    used = members.iloc[made.used]
    judge, val = made.pool.judge, made.pool.splits["val"]
    found, best = judge(made.predictions["val"], val.target), made.pool.scores[0].item()
    alone = made.method.across_folds and len(made.pool) == 1  # nothing to be compared with
    return {
        "metric": judge.metric,
        "score": found,
        "compared": not alone,
        "beaten": not alone and found <= best,
        "scored": made.method.scored,
        "best": {"run": made.pool.parts[0].name, "score": best, "picked": picked},
        "used": len(made.used),
        "considered": len(made.pool),
        "skipped": [{"folder": str(path), "why": why} for path, why in skipped],
        "disagreement": _mean(used["disagreement"]),
        "error_correlation": _mean(used["error_correlation"]),
        "scores": scores(made),
    }


def _mean(column: pd.Series) -> float | None:
    return float(column.mean()) if column.notna().any() else None
