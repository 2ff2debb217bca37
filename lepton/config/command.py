"""Commands between runs: `key=value` words -> the checked config of another root than train."""

from collections.abc import Sequence
from typing import Any

from lepton.config.check import key_problems, target_problems, typed_keys, unresolved_values
from lepton.config.compose import explain_hydra_errors, hydra_session, search_path_overrides
from lepton.config.options import find_options
from lepton.config.overrides import chosen_options, option_problems, unreadable_override
from lepton.errors import ConfigError


def compose_command(
    root: str,
    overrides: Sequence[str],
    *,
    schema: dict[str, str],
    groups: dict[str, tuple[str, tuple[str, ...]]],
) -> dict[str, Any]:
    """The config that `lepton ROOT OVERRIDES` means, as plain values, with `choices`.

    `schema` holds the types of the root's keys; `groups` the key that each of its groups is
    chosen by, with the group's name and what code gives its targets.

    Raises: ConfigError with every mistake, one line each.
    """
    from hydra import compose
    from omegaconf import OmegaConf, open_dict

    words = _words(root, overrides, {key: group for key, (group, _) in groups.items()})
    with explain_hydra_errors(), hydra_session():
        cfg = compose(root, [*search_path_overrides(), *words], return_hydra_config=True)
        chosen = cfg.hydra.runtime.choices
        choices = {key: chosen[f"{group}@{key}"] for key, (group, _) in groups.items()}
        OmegaConf.set_readonly(cfg, False)
        with open_dict(cfg):
            cfg.pop("hydra", None)
        problems = unresolved_values(cfg)
        if problems:
            raise ConfigError(*problems)
        plain = OmegaConf.to_container(cfg, resolve=True)
    types = typed_keys(tuple((schema | dict.fromkeys(groups, "dict")).items()))
    problems = key_problems("", plain, types, f"lepton {root}", ())
    for key, (_, supplied) in groups.items():
        problems += target_problems(key, plain.get(key), supplied, f"{key}={choices[key]}")
    if problems:
        raise ConfigError(*problems)
    return plain | {"choices": choices}


def _words(root: str, overrides: Sequence[str], groups: dict[str, str]) -> list[str]:
    """The overrides as Hydra wants them; a group is named by the key that it fills."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser, known, words, problems = OverridesParser.create(), find_options(), [], []
    for text in overrides:
        try:
            override = parser.parse_override(text)
        except Exception:  # the grammar raises several unrelated kinds
            problems.append(_hinted(text))
            continue
        key = override.key_or_group
        if override.package is not None or not key or override.is_delete() or "/" in key:
            problems.append(unreadable_override(text))
        elif key in known and key not in groups:
            problems.append(f"{key}: lepton {root} has no such key")
        elif override.is_sweep_override():
            problems.append(f"{text}: lepton {root} takes one value; write a list as {key}=[A,B]")
        elif key in groups:
            have = known[groups[key]]
            problems += option_problems(text, key, chosen_options(override, list(have)), have)
            words.append(f"{groups[key]}@{text.lstrip('+')}")
        else:
            words.append("++" + text.lstrip("+"))
    if problems:
        raise ConfigError(*problems)
    return words


def _hinted(text: str) -> str:
    """The line for what cannot be read; a glob's brackets need quotes."""
    key, _, value = text.partition("=")
    said = unreadable_override(text)
    needed = set("[]{}") & set(value) and not set("\"'") & set(text) and "quotes" not in said
    return f"{said}, with quotes around the value: '{key}=\"{value}\"'" if needed else said
