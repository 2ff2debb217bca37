"""Composes and checks the config of `lepton evaluate`, from `key=value` words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lepton.config.compose import explain_hydra_errors, hydra_session, search_path_overrides
from lepton.config.node_checks import key_problems, resolved_config, target_problems, typed_keys
from lepton.config.override_reader import OverrideReader, text_of, unreadable_override
from lepton.errors import ConfigError, did_you_mean
from lepton.groups import GROUPS, option_label

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

GROUP = "evaluation"
LEAST = {"resamples": "0 is for no intervals", "seed": "0 at least"}
KEYS = {"resamples": "int", "seed": "int", "rerun": "bool", GROUP: "dict | None"}


def compose_evaluation(overrides: Sequence[str]) -> dict[str, Any]:
    """The config that the words of `lepton evaluate` mean, as plain values.

    Raises: ConfigError with every mistake, one line each.
    """
    from hydra import compose
    from omegaconf import OmegaConf, open_dict

    reader = EvaluateOverrideReader()
    hydra_overrides = reader.read(overrides)
    if reader.problems:
        raise ConfigError(*reader.problems)
    with explain_hydra_errors(), hydra_session():
        words = [*search_path_overrides(), *hydra_overrides]
        cfg = compose("evaluate", words, return_hydra_config=True)
        OmegaConf.set_readonly(cfg, False)
        with open_dict(cfg):
            cfg.pop("hydra", None)
        config = resolved_config(cfg)
    problems = key_problems("", config, typed_keys(KEYS), "lepton evaluate")
    for name, node in (config[GROUP] or {}).items():
        path = f"{GROUP}.{name}"
        problems += target_problems(path, node, GROUPS[GROUP].supplied, option_label({}, path))
    problems += [
        f"{key}: {config[key]} is too small; {least}"
        for key, least in LEAST.items()
        if isinstance(config.get(key), int) and config[key] < 0
    ]
    if problems:
        raise ConfigError(*problems)
    return config


class EvaluateOverrideReader(OverrideReader):
    """Reads what `lepton evaluate` takes: its own keys, and evaluators with their values."""

    def refusal(self, override: "Override") -> str | None:
        key, text = override.key_or_group, text_of(override)
        if override.package is not None or not key or override.is_delete() or "/" in key:
            return unreadable_override(text)
        if key.partition(".")[0] not in KEYS:
            return f"{key}: lepton evaluate has no such key{did_you_mean(key, KEYS)}"
        if override.is_sweep_override():
            return f"{text}: lepton evaluate takes one value; write a list as {key}=[A,B]"
        return None

    def group(self, override: "Override") -> str | None:
        return GROUP if override.key_or_group == GROUP else None

    def for_hydra(self, override: "Override") -> str:
        if self.group(override) is not None:
            return text_of(override).lstrip("+")
        return super().for_hydra(override)
