"""The configs of sets of options: each part of them is composed once.

Most options change the node of their group and nothing else but what they suggest, so that the
config of several is made of what Hydra composes for each alone. What chooses or sets anything
elsewhere (an experiment, a fine-tuning strategy, a file with another package) is composed by Hydra
with the rest.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from lepton.config.compose import finish_config, refuse_recipe
from lepton.config.options import config_dirs, find_options
from lepton.groups import GROUPS
from lepton.sweep.plain_template import RECORDED, Node, PlainTemplate

Options = tuple[str, ...]  # overrides that choose options, as `model=mlp`
SUGGESTED = "suggested"  # the node of what options suggest, which stands for values elsewhere
CHOICE = re.compile(r"(\w+)=(\w+|\[\w+(?:,\w+)*\])")
PACKAGE = re.compile(r"^\s*#\s*@package\s+(\S+)", re.MULTILINE)


class OptionConfigs:
    """Composes the configs of sets of options over the config of a sweep as a whole."""

    def __init__(self, master: DictConfig, loader: ConfigLoader):
        self.master, self.loader = master, loader
        self.files = find_options()
        self.configs: dict[Options, DictConfig] = {}
        self.templates: dict[Options, PlainTemplate | None] = {}
        self.parts: dict[tuple[Options, str], Part | None] = {}
        self.independent: dict[str, bool] = {}

    def composed(self, options: Options) -> DictConfig:
        """The config of these options, as Hydra composes it; not to be changed."""
        if options not in self.configs:
            words = [*options, *self._search_space(options)]
            cfg = self.loader.load_sweep_config(self.master, words)
            refuse_recipe(cfg, "so that it is no value beside others; give it alone")
            self.configs[options] = finish_config(cfg, (), choices=cfg.hydra.runtime.choices)
        return self.configs[options]

    def template(self, options: Options) -> PlainTemplate | None:
        """The config of these options as plain values; None where it is not plain."""
        if options not in self.templates:
            template = self._assembled(options)
            self.templates[options] = template or PlainTemplate.of(self.composed(options))
        return self.templates[options]

    def _search_space(self, options: Sequence[str]) -> list[str]:
        """The named space, which a trial's overrides leave out: Hydra 1.4 wants it in each job."""
        name = self.master.hydra.runtime.choices.get("search")
        is_given = any(option.startswith("search=") for option in options)
        return [] if is_given or not name else [f"search={name}"]

    def _assembled(self, options: Options) -> PlainTemplate | None:
        """The config made of the nodes of its options; None where they need one another."""
        others = tuple(text for text in options if not self._is_independent(text))
        independent = [text for text in options if text not in others]
        groups = {text.partition("=")[0] for text in independent}
        if len(independent) < 2 or len(groups) < len(independent):
            return None
        base, parts = self.template(others), [self._part(others, text) for text in independent]
        if base is None:
            return None
        values, suggested = base.values, dict[str, Any]()
        for part in parts:
            if part is None or not suggested.keys().isdisjoint(part.suggested):
                return None
            values[part.group] = part.node
            values["choices"][part.group] = part.choice
            suggested |= part.suggested
        if suggested:
            values[SUGGESTED] |= suggested
        return PlainTemplate(values)

    def _part(self, others: Options, text: str) -> "Part | None":
        """What an option adds to others, where that is its group's node and suggestions alone."""
        if (others, text) not in self.parts:
            group = text.partition("=")[0]
            base, changed = self.template(others), self.template((*others, text))
            values = (base.values, changed.values) if base and changed else None
            is_part = values and _differ_in(group, *values)
            self.parts[others, text] = Part.of(group, *values) if values and is_part else None
        return self.parts[others, text]

    def _is_independent(self, text: str) -> bool:
        """True for a choice whose files set keys of its group, and suggest, alone."""
        if text not in self.independent:
            match = CHOICE.fullmatch(text)
            group, names = match.groups() if match else ("", "")
            files = [self.files.get(group, {}).get(name) for name in re.findall(r"\w+", names)]
            self.independent[text] = group in GROUPS and all(
                file is not None and _sets_own_keys(file, group) for file in files
            )
        return self.independent[text]


@dataclass(frozen=True)
class Part:
    """What an option adds to a config: the node of its group, its name, and what it suggests."""

    group: str
    node: Any
    choice: Any
    suggested: Node

    @classmethod
    def of(cls, group: str, base: Node, changed: Node) -> "Part":
        """The part by which a config differs from another."""
        before, after = base.get(SUGGESTED) or {}, changed.get(SUGGESTED) or {}
        suggested = {key: v for key, v in after.items() if repr(v) != repr(before[key])}
        return cls(group, changed[group], changed["choices"][group], suggested)


def _sets_own_keys(file: Path, group: str) -> bool:
    """True for an option's file that sets keys of its group, and suggests, alone, and so do those
    it takes keys from."""
    try:
        text = file.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return False
    if content is not None and not isinstance(content, dict):
        return False
    packages = PACKAGE.findall(text)
    if packages == ["_global_"]:
        return bool(content) and content.keys() <= {group, SUGGESTED}
    if not all(package == group or package.startswith(f"{group}.") for package in packages):
        return False
    names = (content or {}).get("defaults", [])
    if not isinstance(names, list) or not all(re.fullmatch(r"\w+", str(name)) for name in names):
        return False
    paths = [
        [path for folder in config_dirs() if (path := folder / group / f"{name}.yaml").is_file()]
        for name in names
        if name != "_self_"
    ]
    return all(
        bool(found) and all(path != file and _sets_own_keys(path, group) for path in found)
        for found in paths
    )


def _differ_in(group: str, first: Node, second: Node) -> bool:
    """True for two configs that are equal in all but the node of a group and values that are
    suggested, also in their order."""
    ignored: tuple[Any, ...] = (group, SUGGESTED, *RECORDED)
    others = [{k: v for k, v in node.items() if k not in ignored} for node in (first, second)]
    choices = [
        {name: choice for name, choice in node["choices"].items() if name != group}
        for node in (first, second)
    ]
    return (
        list(first) == list(second)
        and list(first.get(SUGGESTED) or ()) == list(second.get(SUGGESTED) or ())
        and list(first["choices"]) == list(second["choices"])
        and repr(others[0]) == repr(others[1])
        and repr(choices[0]) == repr(choices[1])
    )
