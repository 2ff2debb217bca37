"""Composes and checks the config of `lepton attack`, from `key=value` words."""

from collections.abc import Sequence
from typing import Any

from lepton.config.node_checks import key_problems, typed_keys
from lepton.config.options import CONF_DIR
from lepton.config.root_config import compose_root, span_problems
from lepton.errors import ConfigError

KEYS = {
    "epsilon": "float",
    "norm": "Literal['linf', 'l2']",
    "samples": "int",
    "ids": "list[int] | None",
    "steps": "int",
    "apgd_steps": "int",
    "queries": "int",
    "immutable": "list[str]",
    "only_up": "list[str]",
    "only_down": "list[str]",
    "seed": "int",
}
MANY = 100_000
SPANS = {"samples": (1, 200), "seed": (0, 2**63)}
SPANS |= dict.fromkeys(("steps", "apgd_steps", "queries"), (1, MANY))
MAX_IDS = 200


def compose_attack(overrides: Sequence[str]) -> dict[str, Any]:
    """The config that the words of `lepton attack` mean, as plain values.

    Raises: ConfigError with every mistake, one line each.
    """
    config, _ = compose_root(CONF_DIR / "attack.yaml", overrides, groups={}, keys=KEYS)
    problems = key_problems("", config, typed_keys(KEYS), "lepton attack")
    problems += span_problems(config, SPANS)
    epsilon, ids = config.get("epsilon"), config.get("ids")
    if isinstance(epsilon, int | float) and not 0 <= epsilon < float("inf"):
        problems.append(f"epsilon: {epsilon:g} is no size of a change; 0 at least")
    if isinstance(ids, list) and not 1 <= len(ids) <= MAX_IDS:
        problems.append(f"ids: {len(ids)} rows are not from 1 to {MAX_IDS}")
    if problems:
        raise ConfigError(*problems)
    return config
