"""Composes and checks the config of `lepton attack`, from `key=value` words."""

from collections.abc import Sequence
from typing import Any

from lepton.config.root_config import compose_values
from lepton.config.shown_rows import MAX_SHOWN, ids_problems
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
SPANS = {"samples": (1, MAX_SHOWN), "seed": (0, 2**63)}
SPANS |= dict.fromkeys(("steps", "apgd_steps", "queries"), (1, MANY))


OF_NUMBERS = ("norm", "steps", "apgd_steps", "immutable", "only_up", "only_down")


def compose_attack(overrides: Sequence[str]) -> dict[str, Any]:
    """The config that the words of `lepton attack` mean, as plain values.

    Raises: ConfigError with every mistake, one line each.
    """
    config, problems = compose_values("attack", overrides, keys=KEYS, spans=SPANS)
    epsilon = config.get("epsilon")
    if isinstance(epsilon, int | float) and not 0 <= epsilon < float("inf"):
        problems.append(f"epsilon: {epsilon:g} is no size of a change; 0 at least")
    problems += ids_problems(config)
    if problems:
        raise ConfigError(*problems)
    return config


def refuse_keys_of_numbers(config: dict[str, Any]) -> None:
    """Refuses what an attack on texts does nothing with.

    Raises: ConfigError with every mistake, one line each.
    """
    defaults = compose_attack(())
    problems = [
        f"{key}: is for numbers, pixels and samples; typos in texts take epsilon and queries"
        for key in OF_NUMBERS
        if config[key] != defaults[key]
    ]
    if config["epsilon"] > 1:
        problems.append(f"epsilon: {config['epsilon']:g} is no share of words; from 0 to 1")
    if problems:
        raise ConfigError(*problems)
