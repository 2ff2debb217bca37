"""The command that an experiment has made of its sweep's runs once they have ended."""

import shlex
from collections.abc import Iterable

from lepton.config.command import WHERE, compose_command
from lepton.config.commands import command_roots
from lepton.config.words import value_text
from lepton.errors import ConfigError, FailedRuns, LeptonError, did_you_mean
from lepton.storage.run_folder import run_status
from lepton.sweep.job import Job

KEY = "hydra.sweeper.then"


def check_then(text: object) -> None:
    """Raises: ConfigError for what is no command that makes a run of others, with its words."""
    roots, words = command_roots(), text.split() if isinstance(text, str) else []
    if not words or words[0] not in roots:
        name = words[0] if words else ""
        raise ConfigError(
            f"{KEY}: {text!r} begins with no command that makes a run of others"
            f"{did_you_mean(name, roots)} ({', '.join(roots)})"
        )
    try:
        name, *overrides = shlex.split(str(text))
    except ValueError as e:
        raise ConfigError(f"{KEY}: {text!r}: {str(e).lower()}") from None
    if own := [word for word in overrides if word.startswith(("runs=", WHERE))]:
        raise ConfigError(f"{KEY}: {own[0]}: its runs are those of the sweep; leave it out")
    try:
        compose_command(roots[name], ["runs=x", *overrides])
    except ConfigError as e:
        raise ConfigError(*(f"{KEY}: {problem}" for problem in e.problems)) from None


def refuse_without_test(jobs: Iterable[Job]) -> None:
    """Raises: ConfigError where a run would have no test split, which the command needs."""
    for job in jobs:
        dataset = job.config["dataset"]
        others = [dataset.get("folds"), dataset.get("test_path"), dataset.get("split") == "column"]
        if dataset.get("test_size") == 0 and not any(others):
            raise ConfigError(
                f"dataset.test_size=0: {KEY} makes a run of the sweep's, which needs a test split; "
                f"keep one, or set {KEY}=null"
            )


def make_then(text: str, jobs: list[Job]) -> None:
    """Makes the run of those of a sweep that are finished, or reads it; shows or collects it.

    Raises: FailedRuns where none can be made of them.
    """
    from lepton.derived.make import make_or_read  # loads torch
    from lepton.derived.planning import plan_command
    from lepton.sweep.ended_studies import collect_made, say_or_log

    name, *overrides = shlex.split(text)
    folders = [job.folder for job in jobs if run_status(job.folder) == "finished"]
    try:
        runs = ",".join(value_text(str(folder)) for folder in folders)
        plan = plan_command(name, [f"runs=[{runs}]", *overrides])
        folder = make_or_read(plan)
    except LeptonError as e:
        reason = str(e).removeprefix("runs: ").removeprefix(f"{[*map(str, folders)]}: ")
        count = f"{len(folders)} finished run{'' if len(folders) == 1 else 's'}"
        raise FailedRuns(f"{name}: none is made of {count}: {reason}") from None
    if folder is None or not collect_made(folder):
        plan.derivation.show(folder)
    if folder is not None:
        say_or_log([f"to predict: lepton predict {shlex.quote(str(folder))} FILE --out FILE"])
