"""Choices of options inside of an option, as `model.encoders.text=minilm`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton.config.inner_options import inner_group, may_be_empty
from lepton.config.override_reader import chosen_options, option_problems, text_of
from lepton.config.words import NO_OPTION, NULL
from lepton.errors import did_you_mean
from lepton.groups import GROUPS

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig


def chosen_group(override: "Override") -> str | None:
    """The group of which an override chooses an option to stand inside of another; else None."""
    group = inner_group(override.key_or_group)
    if group is None or override.package is not None or override.is_delete():
        return None
    is_name = all(name is None or isinstance(name, str) for name in _names(override, ()))
    return group if is_name else None


def inner_choice_problems(override: "Override", options: Mapping[str, Path]) -> list[str]:
    """A line for every option that the group lacks, and for none where there must be one."""
    names = _names(override, options)
    if may_be_empty(override.key_or_group):
        names = [name for name in names if name is not None]
        if not names:
            return []
    return option_problems(text_of(override), override.key_or_group, [names], dict(options))


def placed_choice(override: "Override", options: Mapping[str, Path]) -> str:
    """The choice as Hydra takes it, GROUP@KEY=OPTION."""
    names = [NO_OPTION if name is None else name for name in _names(override, options)]
    return f"{chosen_group(override)}@{override.key_or_group}={','.join(names)}"


def misplaced_choice(error: str) -> str | None:
    """The line for a choice at a place that the options of a config lack, of what Hydra says."""
    match = re.match(r"(?:In '(.*)': )?Could not override '(\w+)@(\w+\.\w+\.\w+)'", error)
    if match is None or inner_group(match[3]) != match[2]:
        return None
    file, group, path = match.groups()
    where, holder = f"{file}: {path}" if file else path, path.partition(".")[0]
    suggested = error[match.end() :].partition("\nTo append")[0]
    places = [place for place in re.findall(rf"{group}@([\w.]+)", suggested) if inner_group(place)]
    if not places:
        return f"{where}: the chosen option of {holder} holds no others"
    hint = did_you_mean(path, places)
    return f"{where}: the chosen option of {holder} has no such place{hint} ({', '.join(places)})"


def _names(override: "Override", options: Sequence[str] | Mapping[str, Path]) -> list[Any]:
    return [name for job in chosen_options(override, [*options]) for name in job]


def raise_inner_options(cfg: "DictConfig") -> None:
    """Leaves of an option inside of another what its file sets of its own group.

    The file may set keys beside these, as what it suggests to the trainer of a whole run.
    """
    from omegaconf import OmegaConf

    for group, options, _, name in _inner_places(cfg):
        node: Any = options[name]
        if OmegaConf.is_dict(node) and "_target_" not in node and group in node:
            inner = OmegaConf.to_container(node, resolve=False)
            assert isinstance(inner, dict)
            own = {k: v for k, v in inner.items() if k not in (group, "suggested")}
            options[name] = OmegaConf.merge(inner[group], own)


def inner_names(cfg: "DictConfig", choices: Mapping[str, Any]) -> dict[str, str]:
    """The name of each option inside of another, by its path; null where there is none.

    `choices` are Hydra's, which may name what a value has replaced since.
    """
    names = {}
    for group, options, path, name in _inner_places(cfg):
        choice = choices.get(f"{group}@{path}")
        if choice is not None:
            names[path] = str(choice) if options[name] else NULL
    return names


def _inner_places(cfg: "DictConfig") -> Iterator[tuple[str, Any, str, str]]:
    """Yields group, mapping, path and name of every place for an option inside of another."""
    from omegaconf import OmegaConf

    for group, row in GROUPS.items():
        holders = [*row.inner, *(cfg.get(group) or {} if row.several and row.parts else ())]
        for holder in holders:
            options: Any = (cfg.get(group) or {}).get(holder)
            for name in [*options] if OmegaConf.is_dict(options) else ():
                path = f"{group}.{holder}.{name}"
                if (inner := inner_group(path)) is not None:
                    yield inner, options, path, name
