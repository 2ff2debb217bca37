"""Composes and checks the config of `lepton importance`, from `key=value` words."""

from collections.abc import Sequence
from typing import Any

from lepton.config.node_checks import key_problems, typed_keys
from lepton.config.options import CONF_DIR
from lepton.config.root_config import compose_root, span_problems
from lepton.errors import ConfigError

KEYS = {
    "metric": "str | None",
    "repeats": "int",
    "rows": "int",
    "together": "list[list[str]] | None",
    "seed": "int",
}
SPANS = {"repeats": (1, 1000), "rows": (2, 10_000_000), "seed": (0, 2**63)}


def compose_importance(overrides: Sequence[str]) -> dict[str, Any]:
    """The config that the words of `lepton importance` mean, as plain values.

    Raises: ConfigError with every mistake, one line each.
    """
    config, _ = compose_root(CONF_DIR / "importance.yaml", overrides, groups={}, keys=KEYS)
    problems = key_problems("", config, typed_keys(KEYS), "lepton importance")
    problems += span_problems(config, SPANS)
    if problems:
        raise ConfigError(*problems)
    return config
