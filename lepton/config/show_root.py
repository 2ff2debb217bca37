"""Composes and checks the config of `lepton show`, from `key=value` words."""

from collections.abc import Sequence
from typing import Any

from lepton.config.check import group_problems
from lepton.config.constraints import missing_files, number_problems
from lepton.config.input_kinds import use_problems
from lepton.config.names_as_text import with_names_as_text
from lepton.config.node_checks import key_problems, typed_keys
from lepton.config.options import CONF_DIR
from lepton.config.root_config import compose_root, span_problems
from lepton.errors import ConfigError
from lepton.groups import TRAINING_GROUPS

GROUPS_SHOWN = ("dataset", "preprocessing", "task")
SPANS = {"samples": (1, 100), "classes": (1, 1000), "columns": (1, 2000), "rows": (1, 10_000_000)}
OF_TRAINING = {"batch_size": 1, "seed": 0, "init_from": None}  # which what is shown does not heed


def compose_show(overrides: Sequence[str]) -> dict[str, Any]:
    """The config that the words of `lepton show` mean, as plain values.

    It has what data are built from; groups of a training that are not asked for are empty.

    Raises: ConfigError with every mistake, one line each.
    """
    types = {**dict.fromkeys(GROUPS_SHOWN, "dict"), **dict.fromkeys(SPANS, "int")}
    groups = {name: name for name in GROUPS_SHOWN}
    config, choices = compose_root(CONF_DIR / "show.yaml", overrides, groups=groups, keys=types)
    problems = key_problems("", config, typed_keys(types), "lepton show")
    config = {name: {} for name in TRAINING_GROUPS} | OF_TRAINING | config
    config = with_names_as_text({**config, "choices": choices, "overrides": list(overrides)})
    problems += [line for name in GROUPS_SHOWN for line in group_problems(config, name)]
    problems += span_problems(config, SPANS)
    if not problems:
        problems = number_problems(config) + use_problems(config) + missing_files(config)
    if problems:
        raise ConfigError(*dict.fromkeys(problems))
    return config
