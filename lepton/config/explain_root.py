"""Composes and checks the config of `lepton explain`, from `key=value` words."""

from collections.abc import Sequence
from typing import Any

from lepton.config.root_config import compose_values
from lepton.config.shown_rows import MAX_SHOWN, ids_problems
from lepton.errors import ConfigError

KEYS = {
    "samples": "int",
    "ids": "list[int] | None",
    "towards": "Literal['predicted', 'actual'] | None",
    "steps": "int",
    "least_side": "int",
    "seed": "int",
}
SPANS = {
    "samples": (1, MAX_SHOWN),
    "steps": (1, 10_000),
    "least_side": (1, 10_000),
    "seed": (0, 2**63),
}


def compose_explanation(overrides: Sequence[str]) -> dict[str, Any]:
    """The config that the words of `lepton explain` mean, as plain values.

    Raises: ConfigError with every mistake, one line each.
    """
    config, problems = compose_values("explain", overrides, keys=KEYS, spans=SPANS)
    problems += ids_problems(config)
    if problems:
        raise ConfigError(*problems)
    return config
