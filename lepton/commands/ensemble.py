"""`lepton ensemble`: the words, what they mean, what is said of the result."""

from collections.abc import Sequence
from typing import Any

from lepton.config.command import compose_command
from lepton.config.identity import PLAIN_NAME
from lepton.ensemble.machinery.run_paths import run_folders
from lepton.errors import ConfigError, did_you_mean
from lepton.metric.direction import LARGER_IS_BETTER

SCHEMA = {
    "runs": "str | list[str]",
    "select": "str",
    "metric": "str | None",
    "max_members": "int | None",
    "max_size": "int | None",
    "folds": "int",
    "keep": "bool",
    "seed": "int",
    "study": "str | None",
    "rerun": "bool",
}
LEAST = {"max_members": 2, "max_size": 1, "folds": 2, "seed": 0}


def compose(*overrides: str) -> dict[str, Any]:
    """The config that `lepton ensemble OVERRIDES` means, as plain values.

    Raises: ConfigError with every mistake, one line each.
    """
    groups = {"method": ("ensemble", ("task",))}
    plain = compose_command("ensemble", overrides, schema=SCHEMA, groups=groups)
    problems = [*_split(plain), *_metric(plain["metric"])]
    for key, least in LEAST.items():
        if plain[key] is not None and plain[key] < least:
            problems.append(f"{key}: {plain[key]} is too small; {least} at least")
    if plain["study"] is not None and not PLAIN_NAME.fullmatch(plain["study"]):
        problems.append(f"study: {plain['study']!r} is not a plain name")
    if problems:
        raise ConfigError(*problems)
    return plain | {"overrides": list(overrides)}


def _split(plain: dict[str, Any]) -> list[str]:
    asked = plain["select"]
    if asked == "val":
        return []
    if asked == "test":
        return ["select: test: what is chosen on the test split has no honest test score; use val"]
    return [f"select: no such split {asked!r}; members are chosen on val"]


def _metric(name: str | None) -> list[str]:
    if name is None or name in LARGER_IS_BETTER:
        return []
    split, _, metric = name.rpartition("/")
    if split == "test":
        return [f"metric: {name}: what is chosen on the test split has no honest test score"]
    if split and metric in LARGER_IS_BETTER:
        return [f"metric: {name}: it is validation's anyway; metric={metric}"]
    return [f"metric: no metric {name!r}{did_you_mean(name, LARGER_IS_BETTER)}"]


def check_command(overrides: Sequence[str]) -> int:
    """Says who may become a member, who may not and why, and where the ensemble would go."""
    plain = compose(*overrides)
    run_folders(plain["runs"])
    from lepton.ensemble.machinery.make import planned
    from lepton.ensemble.machinery.members import read_members
    from lepton.storage.run_folder import run_status

    plan = planned(plain, read_members(plain["runs"]))
    print(f"{len(plan.pool.members)} runs may become members, chosen by {plan.pool.judge.metric}")
    for path, why in plan.found.skipped:
        print(f"  left out  {path}: {why}")
    if count := plan.found.ensembles:
        print(f"  left out  {count} ensemble{'' if count == 1 else 's'}")
    finished = run_status(plan.folder) == "finished" and not plain["rerun"]
    print(f"  {'finished' if finished else 'to make '}  {plan.folder}")
    return 0


def ensemble_command(overrides: Sequence[str]) -> int:
    """Makes the ensemble, or reads it, and shows it."""
    plain = compose(*overrides)
    run_folders(plain["runs"])
    from lepton.ensemble.machinery.make import ensemble
    from lepton.ensemble.machinery.show import show

    show(ensemble(plain))
    return 0
