"""Composes and checks the config of `lepton predict`, from `key=value` words."""

from collections.abc import Sequence
from typing import Any

from lepton.config.node_checks import key_problems, typed_keys
from lepton.config.options import CONF_DIR
from lepton.config.root_config import compose_root
from lepton.errors import ConfigError

KEYS = {
    "keep": "Literal['unread', 'all', 'none'] | list[str]",
    "root": "str | None",
    "rows": "int",
    "overwrite": "bool",
}
MOST_ROWS = 10_000_000


def compose_prediction(overrides: Sequence[str]) -> dict[str, Any]:
    """The config that the words of `lepton predict` mean, as plain values.

    Raises: ConfigError with every mistake, one line each.
    """
    config, _ = compose_root(CONF_DIR / "predict.yaml", overrides, groups={}, keys=KEYS)
    problems = key_problems("", config, typed_keys(KEYS), "lepton predict")
    if isinstance(config.get("rows"), int) and not 1 <= config["rows"] <= MOST_ROWS:
        problems.append(f"rows: {config['rows']} is not from 1 to {MOST_ROWS}")
    if problems:
        raise ConfigError(*problems)
    return config
