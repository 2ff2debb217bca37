"""Composes and checks the config of `lepton explain`, from `key=value` words."""

from collections.abc import Sequence
from typing import Any

from lepton.config.node_checks import key_problems, typed_keys
from lepton.config.options import CONF_DIR
from lepton.config.root_config import compose_root, span_problems
from lepton.errors import ConfigError

KEYS = {
    "samples": "int",
    "ids": "list[int] | None",
    "towards": "Literal['predicted', 'actual'] | None",
    "steps": "int",
    "least_side": "int",
    "seed": "int",
}
SPANS = {"samples": (1, 200), "steps": (1, 10_000), "least_side": (1, 10_000), "seed": (0, 2**63)}
MAX_IDS = 200


def compose_explanation(overrides: Sequence[str]) -> dict[str, Any]:
    """The config that the words of `lepton explain` mean, as plain values.

    Raises: ConfigError with every mistake, one line each.
    """
    config, _ = compose_root(CONF_DIR / "explain.yaml", overrides, groups={}, keys=KEYS)
    problems = key_problems("", config, typed_keys(KEYS), "lepton explain")
    problems += span_problems(config, SPANS)
    ids = config.get("ids")
    if isinstance(ids, list) and not 1 <= len(ids) <= MAX_IDS:
        problems.append(f"ids: {len(ids)} rows are not from 1 to {MAX_IDS}")
    if problems:
        raise ConfigError(*problems)
    return config
