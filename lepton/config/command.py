"""Composes and checks the config of a command that reads finished runs, from `key=value` words."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lepton.config.commands import CommandRoot, command_roots
from lepton.config.compose import explain_hydra_errors, hydra_session, search_path_overrides
from lepton.config.identity import PLAIN_NAME
from lepton.config.node_checks import key_problems, resolved_config, target_problems, typed_keys
from lepton.config.override_reader import OverrideReader, text_of, unreadable_override
from lepton.config.signature import TargetError, read_signature
from lepton.errors import ConfigError
from lepton.groups import GROUPS, ROOT_VALUES, TRAINING_GROUPS

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

COMMON_KEYS = {"runs": "str | list[str]", "study": "str | None", "rerun": "bool"}


def compose_command(root: CommandRoot, overrides: Sequence[str]) -> dict[str, Any]:
    """The config that `lepton NAME OVERRIDES` means, as plain values, with a `label`.

    Beside COMMON_KEYS it takes the parameters of the class that its root names.

    Raises: ConfigError with every mistake, one line each.
    """
    from hydra import compose
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import OmegaConf, open_dict

    from lepton.compat.hydra import set_values

    if root.name in {*ROOT_VALUES, *TRAINING_GROUPS}:
        raise ConfigError(f"{root.path}: runs have a key {root.name!r}; call the command otherwise")
    reader = CommandOverrideReader(root)
    hydra_overrides = reader.read(overrides)
    if reader.problems:
        raise ConfigError(*reader.problems)
    values = [override for override in hydra_overrides if override.startswith("++")]
    options = [override for override in hydra_overrides if override not in values]
    folder = root.path.parent
    with explain_hydra_errors(), hydra_session(folder):
        words = [*search_path_overrides(folder), *options]
        cfg = compose(root.name, words, return_hydra_config=True)
        # Hydra would take the value of a key that is called as a group is for an option's name
        set_values(cfg, OverridesParser.create().parse_overrides(values))
        hydra_choices = cfg.hydra.runtime.choices
        label = "_".join(hydra_choices[f"{group}@{key}"] for key, group in root.groups.items())
        OmegaConf.set_readonly(cfg, False)
        with open_dict(cfg):
            cfg.pop("hydra", None)
        config = resolved_config(cfg)
    common = {key: value for key, value in config.items() if key in COMMON_KEYS}
    settings = {key: value for key, value in config.items() if key not in COMMON_KEYS}
    problems = key_problems("", common, typed_keys(COMMON_KEYS), f"lepton {root.name}")
    problems += settings_problems(root.name, settings, label=label)
    study = config.get("study")
    if isinstance(study, str) and not PLAIN_NAME.fullmatch(study):
        problems.append(f"study: {study!r} is not a plain name")
    if problems:
        raise ConfigError(*problems)
    return config | {"label": label}


def settings_problems(command: str, settings: dict[str, Any], *, label: str) -> list[str]:
    """A line for everything wrong in the settings of a command, and in the options among them.

    `label` names these.
    """
    root = command_roots().get(command)
    groups = {} if root is None else root.groups
    own = {key: value for key, value in settings.items() if key not in groups}
    lines = target_problems(command, own, tuple(groups), f"lepton {command}")
    problems = [line.removeprefix(f"{command}.") for line in lines]
    for key, group in groups.items():
        supplied = GROUPS[group].supplied if group in GROUPS else ()
        problems += target_problems(key, settings.get(key), supplied, f"{key}={label}")
    return problems


class CommandOverrideReader(OverrideReader):
    """Reads what `lepton NAME` takes: single values, and groups named by the keys they fill."""

    def __init__(self, root: CommandRoot) -> None:
        super().__init__()
        self.command, self.group_by_key = root.name, root.groups
        self.keys = {*COMMON_KEYS, *root.groups}
        with suppress(TargetError):  # which `settings_problems` tells
            self.keys |= {*read_signature(root.target).parameters}

    def refusal(self, override: "Override") -> str | None:
        key, text = override.key_or_group, text_of(override)
        if override.package is not None or not key or override.is_delete() or "/" in key:
            return unreadable_override(text)
        if key.partition(".")[0] == "_target_":
            return f"{key}: set by lepton, not by hand"
        if key in self.options_by_group and key not in self.keys:
            return f"{key}: lepton {self.command} has no such key"
        if override.is_sweep_override():
            return f"{text}: lepton {self.command} takes one value; write a list as {key}=[A,B]"
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
