"""What became of a trial, read from its run folders alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from lepton.storage.results import read_result
from lepton.storage.run_folder import RESULT_FILE, read_failure, read_pruned_run, run_status
from lepton.sweep.search.settings import Objective

ENDED = ("finished", "pruned", "diverged", "failed")


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: finished, pruned, failed or diverged."""

    status: str
    values: tuple[float, ...] = ()  # of the objectives, when finished
    scores: tuple[float, ...] = ()  # by epoch, of a trial that was watched
    error: str = ""


def status(folder: Path) -> str:
    """What `results.status` says, but finished while another process trains it once more."""
    known = run_status(folder)
    return "finished" if known == "running" and (folder / RESULT_FILE).is_file() else known


def curve(folder: Path, status: str) -> tuple[float, ...]:
    """The score of each epoch of a run that is finished or pruned; () without epochs."""
    if status == "pruned":
        return tuple(read_pruned_run(folder)["scores"])
    import pandas as pd

    history = pd.read_parquet(folder / "history.parquet")
    return tuple(history["val/score"].tolist()) if "val/score" in history else ()


def read(folders: Sequence[Path], objectives: Sequence[Objective], *, watched: bool) -> Outcome:
    """A trial's outcome from the folders of its runs, one a seed: the means of its objectives.

    One run that failed is a trial that failed.
    """
    said = {folder: status(folder) for folder in folders}
    for folder, word in said.items():
        if word not in ("finished", "pruned"):
            known = read_failure(folder) or {"error": "no word of why"}
            return Outcome("diverged" if word == "diverged" else "failed", error=known["error"])
    (first, word), *_ = said.items()
    scores = curve(first, word) if watched else ()
    if word == "pruned":
        return Outcome("pruned", scores=scores)
    found = [read_result(folder) for folder in folders]
    values = tuple(fmean(o.value(result) for result in found) for o in objectives)
    for objective, value in zip(objectives, values, strict=True):
        if not math.isfinite(value):
            return Outcome("failed", error=f"{objective.name} is {value} ({first})")
    return Outcome("finished", values=values, scores=scores)
