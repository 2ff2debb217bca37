"""Composes the config of a root file of conf/ that no training has, from `key=value` words."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton.config.compose import explain_hydra_errors, hydra_session, search_path_overrides
from lepton.config.node_checks import key_problems, resolved_config, typed_keys
from lepton.config.options import CONF_DIR
from lepton.config.override_reader import OverrideReader, text_of, unreadable_override
from lepton.config.words import typed
from lepton.errors import ConfigError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


def compose_root(
    path: Path, overrides: Sequence[str], *, groups: Mapping[str, str], keys: Collection[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The values that overrides mean for a root file, and the option chosen of each group's key.

    `groups`: the group of each key that takes options, as `method` takes those of `ensemble`.
    `keys`: those keys that are called as a group is.

    Raises: ConfigError with every mistake in the overrides, one line each.
    """
    from hydra import compose
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import OmegaConf, open_dict

    from lepton.compat.hydra import set_values

    reader = RootOverrideReader(path.stem, groups=groups, keys=keys)
    hydra_overrides = reader.read(overrides)
    if reader.problems:
        raise ConfigError(*reader.problems)
    values = [override for override in hydra_overrides if override.startswith("++")]
    options = [override for override in hydra_overrides if override not in values]
    with explain_hydra_errors(), hydra_session(path.parent):
        words = [*search_path_overrides(path.parent), *options]
        cfg = compose(path.stem, words, return_hydra_config=True)
        # Hydra would take the value of a key that is called as a group is for an option's name
        set_values(cfg, OverridesParser.create().parse_overrides(values))
        choices = dict(cfg.hydra.runtime.choices)  # those of a list are not in it
        chosen = {key: choices.get(_placed(group, key)) for key, group in groups.items()}
        OmegaConf.set_readonly(cfg, False)
        with open_dict(cfg):
            cfg.pop("hydra", None)
        return resolved_config(cfg), {k: str(v) for k, v in chosen.items() if v is not None}


def compose_values(
    command: str,
    overrides: Sequence[str],
    *,
    keys: Mapping[str, str],
    spans: Mapping[str, tuple[int, int]],
) -> tuple[dict[str, Any], list[str]]:
    """The values that overrides mean for a command without groups, and a line for each mistake.

    `keys`: their types; `spans`: those of whole numbers, as of `span_problems`.

    Raises: ConfigError with every mistake in the overrides, one line each.
    """
    config, _ = compose_root(CONF_DIR / f"{command}.yaml", overrides, groups={}, keys=keys)
    problems = key_problems("", config, typed_keys(keys), f"lepton {command}")
    return config, problems + span_problems(config, spans)


def span_problems(config: Mapping[str, Any], spans: Mapping[str, tuple[int, int]]) -> list[str]:
    """A line for each whole number that is not in its span; other values are told by their type."""
    return [
        f"{key}: {config[key]} is not from {least} to {most}"
        for key, (least, most) in spans.items()
        if isinstance(config.get(key), int) and not least <= config[key] <= most
    ]


class RootOverrideReader(OverrideReader):
    """Reads what `lepton NAME` takes: single values, and groups named by the keys they fill."""

    def __init__(self, command: str, *, groups: Mapping[str, str], keys: Collection[str]) -> None:
        super().__init__()
        self.command, self.group_by_key, self.keys = command, groups, {*keys, *groups}

    def refusal(self, override: "Override") -> str | None:
        key, text = override.key_or_group, text_of(override)
        if override.package is not None or not key or override.is_delete() or "/" in key:
            return unreadable_override(text)
        if key.partition(".")[0] == "_target_":
            return f"{key}: set by lepton, not by hand"
        is_others = key in self.options_by_group or key.partition(".")[0] == "hydra"
        if is_others and key not in self.keys:
            return f"{key}: lepton {self.command} has no such key"
        if override.is_sweep_override():
            return f"{text}: lepton {self.command} takes one value; write a list as {key}=[A,B]"
        return None

    def group(self, override: "Override") -> str | None:
        return self.group_by_key.get(override.key_or_group)

    def for_hydra(self, override: "Override") -> str:
        if (group := self.group(override)) is not None:
            key, _, options = text_of(override).lstrip("+").partition("=")
            return f"{_placed(group, key)}={options}"
        return super().for_hydra(override)

    def unreadable(self, text: str, error: Exception) -> str:
        """Names the quotes that a glob's brackets need, and the key of runs that stand alone."""
        key, is_given, value = text.partition("=")
        line = super().unreadable(text, error)
        if not is_given and "runs" in self.keys and key not in self.keys:
            return f"{text!r} cannot be read; write {typed('runs', text)}"
        needs_quotes = set("[]{}") & set(value) and not set("\"'") & set(text)
        if needs_quotes and "quotes" not in line:
            return f"{line}, with quotes around the value: '{key}=\"{value}\"'"
        return line


def _placed(group: str, key: str) -> str:
    """The group as Hydra calls it where its option fills this key."""
    return group if group == key else f"{group}@{key}"
