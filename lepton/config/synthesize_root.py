"""Composes and checks the config of `lepton synthesize`, from `key=value` words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lepton.config.check import group_problems
from lepton.config.chosen_options import option_label
from lepton.config.constraints import missing_files, number_problems
from lepton.config.input_kinds import describe_kinds, provided_kinds, use_problems
from lepton.config.names_as_text import with_names_as_text
from lepton.config.node_checks import key_problems, target_problems, typed_keys
from lepton.config.options import CONF_DIR
from lepton.config.root_config import compose_root, span_problems
from lepton.errors import ConfigError
from lepton.groups import TRAINING_GROUPS

GROUPS_USED = ("dataset", "generator", "preprocessing", "task")
SPANS = {
    "rows": (1, 100_000_000),
    "seed": (0, 2**63),
    "resamples": (1, 100_000),
    "folds": (2, 100),
    "distance_rows": (1, 10_000_000),
    "bins": (2, 100),
    "pair_columns": (2, 2000),
}
SHARES = ("near_quantile", "max_exact", "max_near", "max_lost", "min_association")
TYPES = {
    **dict.fromkeys(GROUPS_USED, "dict"),
    **dict.fromkeys(SPANS, "int"),
    **dict.fromkeys(SHARES, "float"),
    "rows": "int | None",
    "out": "str",
    "judged_on": "Literal['val', 'test']",
}
OF_TRAINING = {"batch_size": 1, "init_from": None}  # which what is generated does not heed


def compose_synthesis(overrides: Sequence[str]) -> dict[str, Any]:
    """The config that the words of `lepton synthesize` mean, as plain values.

    Raises: ConfigError with every mistake, one line each.
    """
    groups = {name: name for name in GROUPS_USED}
    root = CONF_DIR / "synthesize.yaml"
    config, choices = compose_root(root, overrides, groups=groups, keys=TYPES)
    problems = key_problems("", config, typed_keys(TYPES), "lepton synthesize")
    config = {name: {} for name in TRAINING_GROUPS} | OF_TRAINING | config
    config = with_names_as_text({**config, "choices": choices, "overrides": list(overrides)})
    of_training = [name for name in GROUPS_USED if name in TRAINING_GROUPS]
    problems += [line for name in of_training for line in group_problems(config, name)]
    problems += target_problems(
        "generator",
        config["generator"],
        (),
        option_label(config, "generator"),
        group="generator",
    )
    problems += span_problems(config, SPANS)
    problems += [
        f"{key}: {config[key]} is not from 0 to 1"
        for key in SHARES
        if isinstance(config.get(key), float | int) and not 0 <= config[key] <= 1
    ]
    if not problems:
        problems = number_problems(config) + use_problems(config) + missing_files(config)
    if not problems:
        problems = [*_other_inputs(config), *_taken_place(config["out"])]
    if problems:
        raise ConfigError(*dict.fromkeys(problems))
    return config


def _other_inputs(config: dict[str, Any]) -> list[str]:
    """A line for data that are no table alone, of which no generator makes any."""
    kinds = provided_kinds(config)
    if [kind.name for kind in kinds] == ["table"]:
        return []
    names = config["choices"]
    return [
        f"dataset, generator: generator={names['generator']} makes rows of a table alone, and "
        f"dataset={names['dataset']} holds {describe_kinds(kinds)}"
    ]


def _taken_place(out: str) -> list[str]:
    """A line for a folder that is there, or cannot be."""
    if not out:
        return ["out: is empty; name a folder that is not there yet"]
    folder = Path(out).expanduser().absolute()
    if folder.exists() or folder.is_symlink():
        return [f"out={out}: is there already; name a folder that is not there yet, or remove it"]
    above = next(parent for parent in folder.parents if parent.exists())
    return [] if above.is_dir() else [f"out={out}: {above} is no folder"]
