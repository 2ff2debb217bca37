"""Composes and checks the config of a command that reads finished runs, from `key=value` words."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from lepton.config.compose import explain_hydra_errors, hydra_session, search_path_overrides
from lepton.config.node_checks import key_problems, resolved_config, target_problems, typed_keys
from lepton.config.override_reader import OverrideReader, text_of, unreadable_override
from lepton.errors import ConfigError
from lepton.groups import GROUPS

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


def compose_command(
    root: str,
    overrides: Sequence[str],
    *,
    schema: dict[str, str],
    groups: dict[str, str],
) -> dict[str, Any]:
    """The config that `lepton ROOT OVERRIDES` means, as plain values, with `choices`.

    `schema` holds the types of the root's keys; `groups` the key that each of its groups is
    chosen by, with the group's name.

    Raises: ConfigError with every mistake, one line each.
    """
    from hydra import compose
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import OmegaConf, open_dict

    from lepton.compat.hydra import set_values

    reader = CommandOverrideReader(root, groups, keys=schema)
    hydra_overrides = reader.read(overrides)
    if reader.problems:
        raise ConfigError(*reader.problems)
    values = [override for override in hydra_overrides if override.startswith("++")]
    options = [override for override in hydra_overrides if override not in values]
    with explain_hydra_errors(), hydra_session():
        cfg = compose(root, [*search_path_overrides(), *options], return_hydra_config=True)
        # Hydra would take the value of a key that is called as a group is for an option's name
        set_values(cfg, OverridesParser.create().parse_overrides(values))
        hydra_choices = cfg.hydra.runtime.choices
        choices = {key: hydra_choices[f"{group}@{key}"] for key, group in groups.items()}
        OmegaConf.set_readonly(cfg, False)
        with open_dict(cfg):
            cfg.pop("hydra", None)
        config = resolved_config(cfg)
    types = typed_keys(schema | dict.fromkeys(groups, "dict"))
    problems = key_problems("", config, types, f"lepton {root}")
    for key, group in groups.items():
        supplied = GROUPS[group].supplied
        problems += target_problems(key, config.get(key), supplied, f"{key}={choices[key]}")
    if problems:
        raise ConfigError(*problems)
    return config | {"choices": choices}


class CommandOverrideReader(OverrideReader):
    """Reads what `lepton ROOT` takes: single values, and groups named by the keys they fill."""

    def __init__(self, root: str, group_by_key: dict[str, str], keys: Collection[str]) -> None:
        super().__init__()
        self.root, self.group_by_key, self.keys = root, group_by_key, {*keys, *group_by_key}

    def refusal(self, override: "Override") -> str | None:
        key, text = override.key_or_group, text_of(override)
        if override.package is not None or not key or override.is_delete() or "/" in key:
            return unreadable_override(text)
        if key in self.options_by_group and key not in self.keys:
            return f"{key}: lepton {self.root} has no such key"
        if override.is_sweep_override():
            return f"{text}: lepton {self.root} takes one value; write a list as {key}=[A,B]"
        return None

    def group(self, override: "Override") -> str | None:
        return self.group_by_key.get(override.key_or_group)

    def for_hydra(self, override: "Override") -> str:
        if (group := self.group(override)) is not None:
            return f"{group}@{text_of(override).lstrip('+')}"
        return super().for_hydra(override)

    def unreadable(self, text: str, error: Exception) -> str:
        """Names the quotes that a glob's brackets need."""
        key, _, value = text.partition("=")
        line = super().unreadable(text, error)
        needs_quotes = set("[]{}") & set(value) and not set("\"'") & set(text)
        if needs_quotes and "quotes" not in line:
            return f"{line}, with quotes around the value: '{key}=\"{value}\"'"
        return line
