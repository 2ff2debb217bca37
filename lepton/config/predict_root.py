"""Composes and checks the config of `lepton predict`, from `key=value` words."""

from collections.abc import Sequence
from typing import Any

from lepton.config.node_checks import key_problems, typed_keys
from lepton.config.options import CONF_DIR
from lepton.config.root_config import compose_root, span_problems
from lepton.errors import ConfigError

KEYS = {
    "keep": "Literal['unread', 'all', 'none'] | list[str]",
    "root": "str | None",
    "rows": "int",
    "overwrite": "bool",
}
SPANS = {"rows": (1, 10_000_000)}


def compose_prediction(overrides: Sequence[str]) -> dict[str, Any]:
    """The config that the words of `lepton predict` mean, as plain values.

    Raises: ConfigError with every mistake, one line each.
    """
    config, _ = compose_root(CONF_DIR / "predict.yaml", overrides, groups={}, keys=KEYS)
    problems = key_problems("", config, typed_keys(KEYS), "lepton predict")
    problems += span_problems(config, SPANS)
    if problems:
        raise ConfigError(*problems)
    return config
