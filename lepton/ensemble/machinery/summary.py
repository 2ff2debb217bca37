"""The summary of an ensemble: facts and a table of members, kept in its folder; as sentences."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.ensemble.machinery.own_files import FACTS_FILE, MEMBERS_FILE, PLACE_KEYS
from lepton.errors import Damaged
from lepton.storage.run_files import read_run_json, read_run_table

MEMBER_COLUMNS = [
    *("run", "runs", "weight", "score", "contribution", "size"),
    *("disagreement", "error_correlation"),
]
SHOWN_METRICS = ("log_loss", "auroc", "accuracy", "ece", "rmse", "mae", "r2")
SCORING_NOTES = {
    "crossed": "its validation scores are cross-validated: no row is predicted by weights it chose",
    "chosen": "its validation scores flatter it, since the same rows chose its members",
    "out_of_fold": "scores are of each row by those that did not train on it; of their mean, which "
    "predicts new rows, no row can say how good it is",
}


@dataclass(frozen=True)
class EnsembleSummary:
    """An ensemble's facts and members; `folder` is None where it was not kept."""

    folder: Path | None
    facts: dict[str, Any]
    members: pd.DataFrame


def read_summary(folder: Path) -> EnsembleSummary:
    """The summary that an ensemble's folder holds.

    Raises: LeptonError when it cannot be read.
    """
    try:
        facts = read_run_json(folder, FACTS_FILE)
        _ = summary_sentences(facts), facts["scores"]  # whatever is shown of it is there
        members = read_run_table(folder, MEMBERS_FILE, MEMBER_COLUMNS)
        return EnsembleSummary(folder, facts, members)
    except Damaged as e:
        why = str(e).removeprefix(f"{folder}/").partition("; rerun=true")[0]
        raise Damaged(f"{folder}: damaged ({why}); rerun=true makes it again") from None
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError) as e:
        why = f"{FACTS_FILE} lacks {e}" if isinstance(e, KeyError) else " ".join(str(e).split())
        raise Damaged(f"{folder}: damaged ({why}); rerun=true makes it again") from None


def differing_facts(folder: Path, again: Path) -> list[str]:
    """A line with the keys in which the facts of two folders differ, but for those of places."""
    first, second = (read_run_json(f, FACTS_FILE) for f in (folder, again))
    keys = [
        key
        for key in second
        if key not in PLACE_KEYS and json.dumps(first.get(key)) != json.dumps(second[key])
    ]
    return [f"{FACTS_FILE}: {', '.join(keys)}"] if keys else []


def monitored_metric(facts: dict[str, Any]) -> tuple[str, int]:
    """What the scores of an ensemble are called, and the sign that turns them into this metric."""
    metric, best = facts["metric"], facts["best"]["score"]
    value = facts["scores"].get(f"val/{metric}", {}).get("best", best)
    return f"val {metric}", -1 if value == -best and best else 1


def summary_sentences(facts: dict[str, Any]) -> list[str]:
    """Sentences that say what the facts mean."""
    sentences = [f"{facts['used']} of {facts['considered']} members"]
    if facts["disagreement"] is not None:
        sentences[0] += f"; two disagree on {facts['disagreement']:.1%} of the validation rows"
    if facts["error_correlation"] is not None:
        sentences[0] += f", errors correlate by {facts['error_correlation']:.2f}"
    if facts["scored"] in SCORING_NOTES:
        sentences.append(SCORING_NOTES[facts["scored"]])
    best = facts["best"]
    name, sign = monitored_metric(facts)
    scores = {"own": facts["score"], "best": best["score"], "picked": best["picked"]}
    own, of_best, picked = (f"{sign * score:.4f}" for score in scores.values())
    direction = "smaller" if sign < 0 else "larger"
    gap = f"{name} {own} against {of_best} of {best['run']} ({direction} is better)"
    if facts["compared"]:
        gap += f"; a member picked by other rows than it is scored by: {picked}"
    if facts["beaten"]:
        sentences.append(f"it does not beat its best member on validation: {gap}")
    elif facts["compared"]:
        sentences.append(
            "it beats its best member on these validation rows, which is not tested against "
            f"chance: {gap}"
        )
    return sentences
