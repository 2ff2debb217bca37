"""The outcome of a trial, read from its run folders alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from lepton.errors import Damaged
from lepton.storage.results import finished_result
from lepton.storage.run_files import read_run_table
from lepton.storage.run_folder import (
    HISTORY_FILE,
    ended_status,
    read_failure,
    read_pruned_run,
    run_status,
)
from lepton.sweep.search.settings import Constraint, Objective

ENDED = ("finished", "pruned", "diverged", "failed")


@dataclass(frozen=True)
class TrialOutcome:
    """The end of a trial: finished, pruned, failed or diverged."""

    status: str
    values: tuple[float, ...] = ()  # of the objectives, when finished
    scores: tuple[float, ...] = ()  # by epoch, of a trial that was watched
    error: str = ""
    violations: tuple[float, ...] = ()  # of the constraints, when finished; above 0: not kept

    @property
    def is_feasible(self) -> bool:
        """True for a trial that finished and keeps every constraint."""
        return self.status == "finished" and all(v <= 0 for v in self.violations)


def trial_run_status(folder: Path) -> str:
    """The status of a run, but how it ended while another process trains it once more; one that
    failed may end otherwise there."""
    ended = ended_status(folder)
    return ended if ended in ENDED and ended != "failed" else run_status(folder)


def epoch_scores(folder: Path, status: str) -> tuple[float, ...]:
    """The score of each epoch of a run that is finished or pruned; () without epochs."""
    if status == "pruned":
        return tuple(read_pruned_run(folder)["scores"])
    history = read_run_table(folder, HISTORY_FILE)
    return tuple(history["val/score"].tolist()) if "val/score" in history else ()


def read_trial_outcome(
    folders: Sequence[Path],
    objectives: Sequence[Objective],
    *,
    watched: bool,
    refused: Mapping[Path, str],
    constraints: Sequence[Constraint] = (),
) -> TrialOutcome:
    """A trial's outcome from the folders of its runs, one a seed: the means of its objectives.

    One run that failed is a trial that failed, and so is one whose files are damaged, or that is
    `refused`, with its reason.
    """
    if reason := next((refused[folder] for folder in folders if folder in refused), None):
        return TrialOutcome("failed", error=reason)
    try:
        return _read_outcome(folders, objectives, constraints, watched=watched)
    except Damaged as e:
        return TrialOutcome("failed", error=str(e))


def _read_outcome(
    folders: Sequence[Path],
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    *,
    watched: bool,
) -> TrialOutcome:
    statuses = {folder: trial_run_status(folder) for folder in folders}
    for folder, status in statuses.items():
        if status not in ("finished", "pruned"):
            failure = read_failure(folder) or {"error": "no word of why"}
            status = "diverged" if status == "diverged" else "failed"
            return TrialOutcome(status, error=failure["error"])
    (first, status), *_ = statuses.items()
    scores = epoch_scores(first, status) if watched else ()
    if status == "pruned":
        return TrialOutcome("pruned", scores=scores)
    results = [finished_result(folder) for folder in folders]
    bounded = [constraint.name for constraint in constraints]
    means = [fmean(o.value(result) for result in results) for o in (*objectives, *bounded)]
    for objective, value in zip((*objectives, *bounded), means, strict=True):
        if not math.isfinite(value):
            return TrialOutcome("failed", error=f"{objective.name} is {value} ({first})")
    values, bounds = tuple(means[: len(objectives)]), means[len(objectives) :]
    pairs = zip(constraints, bounds, strict=True)
    violations = tuple(constraint.violation(value) for constraint, value in pairs)
    return TrialOutcome("finished", values=values, scores=scores, violations=violations)
