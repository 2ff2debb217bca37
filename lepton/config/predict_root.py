"""Composes and checks the config of `lepton predict`, from `key=value` words."""

from collections.abc import Sequence
from typing import Any

from lepton.config.root_config import compose_values
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
    config, problems = compose_values("predict", overrides, keys=KEYS, spans=SPANS)
    if problems:
        raise ConfigError(*problems)
    return config
