"""The overrides of `lepton train`: `key=value` words that may sweep and may name any key."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lepton.config.commands import command_groups
from lepton.config.inner_choices import chosen_group, inner_choice_problems, placed_choice
from lepton.config.misread_words import misread_hint
from lepton.config.options import has_default
from lepton.config.override_reader import (
    OverrideReader,
    chosen_options,
    text_of,
    unreadable_override,
)
from lepton.config.words import shell_word
from lepton.errors import MisreadOverrides, did_you_mean
from lepton.groups import command_of

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

# keys of the root that say what was chosen
SET_BY_LEPTON = ("choices", "overrides", "revisions", "data_identity")
HEEDED_PARTS = ("launcher", "sweeper", "callbacks", "searchpath")  # of Hydra's own config
_WHERE_RUNS_LIE = "changes nothing; runs lie in runs/STUDY, which runs=FOLDER and study=NAME choose"
IGNORED_PARTS = {
    **dict.fromkeys(("run", "sweep", "output_subdir"), _WHERE_RUNS_LIE),
    "job": "changes nothing; runs are trained in the working directory, under names of their own",
    "mode": "changes nothing; -m makes a sweep of a command line",
}
SWEEPER = "hydra.sweeper."
BUDGET = "budget"  # a key of the sweeper's that is typed as one of the root
SWEEP_PARAMS = f"{SWEEPER}params."  # before the keys that an experiment's own sweep varies
MAX_KEY_LENGTH = 200  # characters of a key; Hydra looks for files of that name


def parse_overrides(overrides: Sequence[str], *, sweep: bool) -> list[str]:
    """The overrides as Hydra wants them; `sweep` lets one give several values.

    Raises: MisreadOverrides with every override that cannot be read or names no option.
    """
    reader = TrainOverrideReader(sweep=sweep)
    hydra_overrides = reader.read(overrides)
    if reader.problems:
        doubtful = reader.doubtful_keys()
        readable = [text for text in hydra_overrides if not doubtful & _key_and_root(text)]
        raise MisreadOverrides(reader.problems, readable=readable, unread=reader.unread)
    return hydra_overrides


def ignored_by_lepton(key: str) -> str | None:
    """Why a key of Hydra's own part would change nothing, or None where it would."""
    part = re.split("[./]", key)[1]
    if part in HEEDED_PARTS:
        return None
    return IGNORED_PARTS.get(part) or (
        "changes nothing here; of Hydra's own part lepton heeds "
        f"{', '.join(f'hydra.{name}' for name in HEEDED_PARTS)}"
    )


class TrainOverrideReader(OverrideReader):
    """Reads what `lepton train` and `lepton check` take."""

    def __init__(self, *, sweep: bool) -> None:
        super().__init__()
        self.sweep, self.command_groups = sweep, command_groups()

    def refusal(self, override: "Override") -> str | None:
        key, text = override.key_or_group, text_of(override)
        root = _root(key)
        if not root or key == "hydra" or len(key) > MAX_KEY_LENGTH:
            return unreadable_override(text)
        if key.startswith(SWEEP_PARAMS) and (not self.sweep or override.is_sweep_override()):
            values = text.partition("=")[2].strip("'\"")
            swept = shell_word(f"{key.removeprefix(SWEEP_PARAMS)}={values}")
            return f"{key}: holds an experiment's own sweep; write -m {swept}"
        if override.is_sweep_override() and not self.sweep:
            or_one = ", or quote the comma" if "(" not in text else ""
            return f"{text}: several values need a sweep; add -m{or_one}"
        if key == BUDGET and not self.sweep:
            return f"{text}: a budget decides how many runs of a sweep are started; add -m"
        if key == BUDGET and override.is_sweep_override():
            return f"{text}: a sweep has one budget; write budget=10m"
        if root in SET_BY_LEPTON:
            return f"{key}: set by lepton, not by hand"
        if command := command_of(root) or self.command_groups.get(root):
            return f"{root}: lepton train has no such key; it belongs to lepton {command}"
        if root == "hydra" and (reason := ignored_by_lepton(key)):
            return f"{key}: {reason}"
        if "/" in key and self.group(override) is None and not self._stays_as_written(override):
            return f"{key}: no such group{did_you_mean(key, self.options_by_group)}"
        return None

    def _problems(self, override: "Override") -> list[str]:
        problems = super()._problems(override)
        if not problems and (inner := chosen_group(override)) is not None:
            return inner_choice_problems(override, self.options_by_group[inner])
        return problems

    def group(self, override: "Override") -> str | None:
        key = override.key_or_group
        return key if key in self.options_by_group and override.package is None else None

    def for_hydra(self, override: "Override") -> str:
        group, text = self.group(override), text_of(override)
        if (inner := chosen_group(override)) is not None:
            return placed_choice(override, self.options_by_group[inner])
        if override.key_or_group == BUDGET:
            return f"{SWEEPER}{text.lstrip('+')}"
        if group is not None:
            if "glob(" in text:
                jobs = chosen_options(override, list(self.options_by_group[group]))
                text = f"{group}={','.join(str(name) for job in jobs for name in job)}"
            return ("" if has_default(group) else "+") + text.lstrip("+")
        return text if self._stays_as_written(override) else super().for_hydra(override)

    def _stays_as_written(self, override: "Override") -> bool:
        """True for what sets Hydra's own part, deletes a key, or places a group in a package."""
        key = override.key_or_group
        is_hydras = _root(key) == "hydra" and not key.startswith(SWEEP_PARAMS)
        return is_hydras or override.is_delete() or override.package is not None

    def unreadable(self, text: str, error: Exception) -> str:
        reason = re.search("while evaluating '.*': (.*)", str(error))
        if reason:
            return f"{text}: {reason[1]}"
        hint = misread_hint(text, self.options_by_group)
        return f"{text!r} cannot be read{hint}" if hint else super().unreadable(text, error)

    def doubtful_keys(self) -> set[str]:
        """The groups whose option was refused, and keys whose sense depends on it."""
        groups = {override.key_or_group for override in self.refused} & self.options_by_group.keys()
        keys = {group if _root(group) == "hydra" else _root(group) for group in groups}
        return keys | ({"init_from", "forgetting"} if "finetune" in keys else set())


def _root(key: str) -> str:
    """The group or node at the root of a key."""
    return re.split(r"[./@]", key)[0]


def _key_and_root(text: str) -> set[str]:
    """The key that an override sets, and the group or node at its root."""
    key = text.lstrip("+~").partition("=")[0]
    return {key, _root(key)}
