"""Composes and checks the config of `lepton importance`, from `key=value` words."""

from collections.abc import Sequence
from typing import Any

from lepton.config.node_checks import key_problems, typed_keys
from lepton.config.options import CONF_DIR
from lepton.config.root_config import compose_root, span_problems
from lepton.errors import ConfigError

KEYS = {
    "method": "Literal['permutation', 'shap']",
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
    config, _ = compose_root(CONF_DIR / "importance.yaml", overrides, groups={}, keys=KEYS)
    problems = key_problems("", config, typed_keys(KEYS), "lepton importance")
    problems += span_problems(config, SPANS)
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
