"""`lepton sweep status STUDY`: says which runs are done, failed, running, and still to do.

example:
  lepton sweep status first
"""

from collections import Counter
from pathlib import Path

from lepton.errors import LeptonError
from lepton.foreign_text import say
from lepton.storage.lock import lock_owner
from lepton.storage.run_folder import (
    STATE_SUFFIXES,
    may_be_run,
    read_failure,
    run_status,
    unfinished_folder,
)
from lepton.storage.study import planned_runs
from lepton.storage.study_table import read_rows, study_folder

USAGE = "usage: lepton sweep status STUDY"
STATUSES = ("finished", "pruned", "diverged", "failed", "unreadable", "running", "to do")


def main(arguments: list[str]) -> int:
    """Prints the state of a study that sweeps or single runs have made."""
    if arguments[:1] != ["status"] or len(arguments) != 2 or arguments[1].startswith("-"):
        raise LeptonError(f"{' '.join(['sweep', *arguments])}: {USAGE}")
    say("\n".join(describe_study(study_folder(arguments[1]))))
    return 0


def describe_study(study: Path) -> list[str]:
    """A line of counts, then one for each run that is not finished."""
    overrides_by_run = planned_runs(study)
    runs = sorted({*overrides_by_run, *_run_names(study)})
    if not runs:
        raise LeptonError(f"{study}: holds no run yet")
    unreadable = {r["run"]: r["error"] for r in read_rows(study) if r["status"] == "unreadable"}
    status_by_run = {run: run_status(study / run) for run in runs}
    status_by_run |= {
        run: "unreadable" for run in unreadable if status_by_run.get(run) in ("finished", "pruned")
    }
    counts = Counter(status_by_run.values())
    counted = ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
    lines = [f"{study}: {len(runs)} {'run' if len(runs) == 1 else 'runs'}: {counted}"]
    for status in STATUSES[1:]:
        for run in (run for run in runs if status_by_run[run] == status):
            detail = _detail(study / run, status, overrides_by_run.get(run, ""))
            detail = unreadable[run] if status == "unreadable" else detail
            lines.append(f"  {status:10}  {run}  {detail}".rstrip())
    return lines


def _run_names(study: Path) -> list[str]:
    """The runs of which something lies in the study."""
    return [
        path.name.removesuffix(path.suffix) if path.suffix in STATE_SUFFIXES else path.name
        for path in filter(may_be_run, study.iterdir())
    ]


def _detail(run_folder: Path, status: str, overrides: str) -> str:
    """The process that trains a run, its error, or the overrides that planned it."""
    if status == "running":
        owner = lock_owner(unfinished_folder(run_folder))
        return f"{owner}" if owner else "ended just now"
    if status in ("failed", "diverged"):
        failure = read_failure(run_folder)
        return failure["error"] if failure else "tried again just now"
    return overrides if status == "to do" else ""
