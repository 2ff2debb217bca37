"""Evaluations of a sweep's runs: as jobs end, and then all that finished runs lack."""

from collections.abc import Iterable
from pathlib import Path

from lepton.errors import FailedRuns, LeptonError
from lepton.storage.evaluations import lacking_evaluations
from lepton.storage.followed_rule import of_other_rules
from lepton.storage.results import Result, finished_result
from lepton.storage.run_folder import run_status
from lepton.storage.study import write_tables
from lepton.sweep.job import Job


def result_line(job: Job, result: Result) -> str:
    """What is said of a job that ended with a result; evaluates it first.

    An evaluation that fails takes nothing from its run.
    """
    from lepton.run import evaluated

    try:
        return str(evaluated(job.config, job.folder, result))
    except LeptonError as e:
        return f"{result}; {e}"


def lacks_evaluations(job: Job) -> bool:
    """True for a job whose run is finished and was not evaluated by all that its config names, or
    by a rule that it no longer follows."""
    if not job.config["evaluation"] or run_status(job.folder) != "finished":
        return False
    result = finished_result(job.folder)
    lacking = lacking_evaluations(job.folder, result, job.config["evaluation"])
    return bool(lacking or of_other_rules(result.evaluations))


def add_lacking_evaluations(jobs: Iterable[Job]) -> list[str]:
    """Evaluates finished runs that lack an evaluation of their job; a line for each that failed.

    These are runs that were finished before, and those of stacks and of foreign launchers.
    """
    lines, studies = [], dict[Path, None]()
    for job in jobs:
        try:
            if lacks_evaluations(job):
                from lepton.run import evaluated  # torch loads only where it is needed

                studies[job.folder.parent] = None
                evaluated(job.config, job.folder, finished_result(job.folder))
        except LeptonError as e:
            lines.append(str(e))
    for study in studies:
        write_tables(study)
    return lines


def raise_failed_evaluations(lines: list[str]) -> None:
    """Raises: FailedRuns where there are lines on evaluations that failed."""
    if lines:
        head = f"{len(lines)} runs are finished and could not be evaluated"
        raise FailedRuns("\n".join([head, *lines]))
