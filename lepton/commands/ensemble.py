"""`lepton ensemble runs=RUNS [method=NAME] [key=value ...]`: makes one run of finished runs.

  runs=RUNS             members: the folder of a run, a glob, a study, or a list of these
  method=NAME           how the members become one (`lepton list ensemble`)
  key=value             a value of the method, or of conf/ensemble.yaml (docs/options.md)
  --config-dir FOLDER   your own groups and options (conf/ here is found by itself)
  --allow PACKAGE       lets a _target_ name something in your own package

examples:
  lepton ensemble runs=first method=greedy method.size=20
  lepton check ensemble runs=first      who may join, and where it would go
"""

from collections.abc import Sequence
from typing import Any

from lepton.commands.flags import only_for_train, parse_arguments
from lepton.commands.terminal_log import show_log
from lepton.config.command import compose_command
from lepton.config.identity import PLAIN_NAME
from lepton.ensemble.machinery.run_paths import find_run_folders
from lepton.errors import ConfigError, did_you_mean
from lepton.metric.direction import LARGER_IS_BETTER, is_of_test

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
MIN_VALUES = {"max_members": 2, "max_size": 1, "folds": 2, "seed": 0}
GROUPS = {"method": "ensemble"}


def main(arguments: Sequence[str], *, check: bool = False) -> int:
    """Makes an ensemble, or reads it, and shows it; with `check` only says what it would be.

    Raises: LeptonError for a flag that is not for ensembles, ConfigError with every mistake.
    """
    parsed = parse_arguments(arguments)
    if parsed.hydra_flags or parsed.multirun:
        raise only_for_train([*parsed.hydra_flags, "-m"][0])
    show_log()
    config = compose(*parsed.overrides)
    find_run_folders(config["runs"])
    if check:
        _show_plan(config)
    else:
        from lepton.ensemble.machinery.make_ensemble import make_or_read_ensemble
        from lepton.ensemble.machinery.summary_printing import print_summary

        print_summary(make_or_read_ensemble(config))
    return 0


def compose(*overrides: str) -> dict[str, Any]:
    """The config that `lepton ensemble OVERRIDES` means, as plain values.

    Raises: ConfigError with every mistake, one line each.
    """
    config = compose_command("ensemble", overrides, schema=SCHEMA, groups=GROUPS)
    problems = [*_select_problems(config["select"]), *_metric_problems(config["metric"])]
    for key, minimum in MIN_VALUES.items():
        if config[key] is not None and config[key] < minimum:
            problems.append(f"{key}: {config[key]} is too small; {minimum} at least")
    if config["study"] is not None and not PLAIN_NAME.fullmatch(config["study"]):
        problems.append(f"study: {config['study']!r} is not a plain name")
    if problems:
        raise ConfigError(*problems)
    return config | {"overrides": list(overrides)}


def _select_problems(split: str) -> list[str]:
    """A line for a split on which members must not be chosen."""
    if split == "val":
        return []
    if split == "test":
        return ["select: test: what is chosen on the test split has no honest test score; use val"]
    return [f"select: no such split {split!r}; members are chosen on val"]


def _metric_problems(name: str | None) -> list[str]:
    """A line for a metric by which members cannot be chosen."""
    if name is None or name in LARGER_IS_BETTER:
        return []
    split, _, metric = name.rpartition("/")
    if is_of_test(name):
        return [f"metric: {name}: what is chosen on the test split has no honest test score"]
    if split and metric in LARGER_IS_BETTER:
        return [f"metric: {name}: it is validation's anyway; metric={metric}"]
    return [f"metric: no metric {name!r}{did_you_mean(name, LARGER_IS_BETTER)}"]


def _show_plan(config: dict[str, Any]) -> None:
    """Prints who may become a member, who may not and why, and where the ensemble would go."""
    from lepton.ensemble.machinery.make_ensemble import plan_ensemble
    from lepton.ensemble.machinery.members import find_members
    from lepton.storage.run_folder import run_status

    plan = plan_ensemble(config, find_members(config["runs"]))
    print(f"{len(plan.pool.members)} runs may become members, chosen by {plan.pool.scorer.metric}")
    for path, reason in plan.search.skipped:
        print(f"  left out  {path}: {reason}")
    if count := plan.search.ensembles:
        print(f"  left out  {count} ensemble{'' if count == 1 else 's'}")
    is_finished = run_status(plan.folder) == "finished" and not config["rerun"]
    print(f"  {'finished' if is_finished else 'to make '}  {plan.folder}")
