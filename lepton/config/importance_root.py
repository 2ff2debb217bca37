"""Composes and checks the config of `lepton importance`, from `key=value` words."""

from collections.abc import Sequence
from typing import Any

from lepton.config.root_config import compose_values
from lepton.errors import ConfigError

KEYS = {
    "method": "Literal['permutation', 'shap']",
    "split": "Literal['val', 'test']",
    "metric": "str | None",
    "repeats": "int",
    "rows": "int",
    "samples": "int",
    "background": "int",
    "permutations": "int",
    "together": "list[list[str]] | None",
    "seed": "int",
}
SPANS = {
    "repeats": (1, 1000),
    "rows": (2, 10_000_000),
    "samples": (2, 10_000),
    "background": (1, 10_000),
    "permutations": (1, 10_000),
    "seed": (0, 2**63),
}
OF_METHODS = {  # the keys that a method alone heeds
    "permutation": ("metric", "repeats", "rows"),
    "shap": ("samples", "background", "permutations"),
}


def compose_importance(overrides: Sequence[str]) -> dict[str, Any]:
    """The config that the words of `lepton importance` mean, as plain values.

    Raises: ConfigError with every mistake, one line each.
    """
    config, problems = compose_values("importance", overrides, keys=KEYS, spans=SPANS)
    given = [word.lstrip("+").partition("=")[0] for word in overrides]
    problems += [
        f"{key}: is for method={method} alone"
        for method, keys in OF_METHODS.items()
        for key in given
        if key in keys and method != config["method"]
    ]
    if problems:
        raise ConfigError(*problems)
    return config
