"""Choices of options inside of an option, as `model.encoders.text=minilm`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton.config.override_reader import chosen_options, option_problems, text_of
from lepton.config.words import NO_OPTION
from lepton.groups import GROUPS

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig


def inner_group(override: "Override") -> str | None:
    """The group of which an override chooses an option to stand inside of another; else None."""
    group, *path = override.key_or_group.split(".")
    if len(path) != 2 or group not in GROUPS or path[0] not in GROUPS[group].inner:
        return None
    if override.package is not None or override.is_delete():
        return None
    is_name = all(name is None or isinstance(name, str) for name in _names(override, ()))
    return group if is_name else None


def inner_choice_problems(override: "Override", options: Mapping[str, Path]) -> list[str]:
    """A line for every option that the group lacks."""
    names = [name for name in _names(override, options) if name is not None]
    if not names:
        return []
    return option_problems(text_of(override), override.key_or_group, [names], dict(options))


def placed_choice(override: "Override", options: Mapping[str, Path]) -> str:
    """The choice as Hydra takes it, GROUP@KEY=OPTION."""
    names = [NO_OPTION if name is None else name for name in _names(override, options)]
    return f"{inner_group(override)}@{override.key_or_group}={','.join(names)}"


def _names(override: "Override", options: Sequence[str] | Mapping[str, Path]) -> list[Any]:
    return [name for job in chosen_options(override, [*options]) for name in job]


def raise_inner_options(cfg: "DictConfig") -> None:
    """Leaves of an option inside of another what its file sets of its own group.

    The file may set keys beside these, as what it suggests to the trainer of a whole run.
    """
    from omegaconf import OmegaConf

    for group, row in GROUPS.items():
        for key in row.inner:
            options: Any = (cfg.get(group) or {}).get(key)
            for name in [*options] if OmegaConf.is_dict(options) else ():
                node: Any = options[name]
                if OmegaConf.is_dict(node) and "_target_" not in node and group in node:
                    inner = OmegaConf.to_container(node, resolve=False)
                    assert isinstance(inner, dict)
                    own = {k: v for k, v in inner.items() if k not in (group, "suggested")}
                    options[name] = OmegaConf.merge(inner[group], own)
