"""What is kept of an ensemble beside what every run has, and what it means in sentences."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.errors import LeptonError

FACTS, MEMBERS = "ensemble.json", "members.parquet"
POOL = "pool"  # of the facts: who could have become a member, and where it lies
COLUMNS = [
    *("run", "runs", "weight", "score", "contribution", "size"),
    *("disagreement", "error_correlation"),
]
SHOWN = ("log_loss", "auroc", "accuracy", "ece", "rmse", "mae", "r2")
SCORED = {
    "crossed": "its validation scores are cross-validated: no row is predicted by weights it chose",
    "chosen": "its validation scores flatter it, since the same rows chose its members",
    "out_of_fold": "scores are of each row by those that did not train on it; of their mean, which "
    "predicts new rows, no row can say how good it is",
}


@dataclass(frozen=True)
class Outcome:
    """What came of it; `folder` is None where the ensemble was not kept."""

    folder: Path | None
    facts: dict[str, Any]
    members: pd.DataFrame


def read(folder: Path) -> Outcome:
    """What was kept of an ensemble.

    Raises: LeptonError when it cannot be read.
    """
    try:
        about = json.loads((folder / FACTS).read_text())
        _ = lines(about), about["scores"]  # whatever is shown of it is there
        return Outcome(folder, about, pd.read_parquet(folder / MEMBERS, columns=COLUMNS))
    except (OSError, ValueError, TypeError, KeyError, IndexError) as e:
        said = f"{FACTS} lacks {e}" if isinstance(e, KeyError) else " ".join(str(e).split())
        raise LeptonError(f"{folder}: damaged ({said}); rerun=true makes it again") from None


def lines(facts: dict) -> list[str]:
    """What the numbers mean, a sentence each."""
    found = [f"{facts['used']} of {facts['considered']} members"]
    if facts["disagreement"] is not None:
        found[0] += f"; two disagree on {facts['disagreement']:.1%} of the validation rows"
    if facts["error_correlation"] is not None:
        found[0] += f", errors correlate by {facts['error_correlation']:.2f}"
    if facts["scored"] in SCORED:
        found.append(SCORED[facts["scored"]])
    best = facts["best"]
    gap = f"{facts['score']:.4f} against {best['score']:.4f} of {best['run']}"
    if facts["compared"]:
        gap += f" (a member picked by other rows than it is scored by: {best['picked']:.4f})"
    if facts["beaten"]:
        found.append(f"it does not beat its best member on validation: score {gap}")
    elif facts["compared"]:
        found.append(f"it beats its best member on validation: score {gap}")
    return found
