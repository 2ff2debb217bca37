"""Composes and checks the config of `lepton evaluate`, from `key=value` words."""

from collections.abc import Sequence
from typing import Any

from lepton.config.chosen_options import option_label
from lepton.config.node_checks import key_problems, target_problems, typed_keys
from lepton.config.options import CONF_DIR
from lepton.config.root_config import compose_root
from lepton.errors import ConfigError
from lepton.groups import GROUPS

GROUP = "evaluation"
LEAST = {"resamples": "0 is for no intervals", "seed": "0 at least"}
KEYS = {"resamples": "int", "seed": "int", "rerun": "bool", GROUP: "dict | None"}


def compose_evaluation(overrides: Sequence[str]) -> dict[str, Any]:
    """The config that the words of `lepton evaluate` mean, as plain values.

    Raises: ConfigError with every mistake, one line each.
    """
    path = CONF_DIR / "evaluate.yaml"
    config, _ = compose_root(path, overrides, groups={GROUP: GROUP}, keys=KEYS)
    problems = key_problems("", config, typed_keys(KEYS), "lepton evaluate")
    for name, node in (config[GROUP] or {}).items():
        path = f"{GROUP}.{name}"
        supplied, option = GROUPS[GROUP].supplied, option_label({}, path)
        problems += target_problems(path, node, supplied, option, group=GROUP)
    problems += [
        f"{key}: {config[key]} is too small; {least}"
        for key, least in LEAST.items()
        if isinstance(config.get(key), int) and config[key] < 0
    ]
    if problems:
        raise ConfigError(*problems)
    return config
