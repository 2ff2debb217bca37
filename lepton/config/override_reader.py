"""The reader of `key=value` words: each as Hydra wants it, or a line that says what is wrong."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton.config.misread_words import file_hint
from lepton.config.options import are_named, file_problem, find_options
from lepton.config.words import typed, with_encoded_name, with_names, with_quoted_condition
from lepton.errors import did_you_mean
from lepton.groups import GROUPS, takes_several

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


class OverrideReader(ABC):
    """Reads the overrides of a command; its subclass says which of them the command takes.

    After reading, `problems` holds a line for every mistake, `refused` the overrides that follow
    Hydra's grammar and still cannot be used, and `unread` the keys of those that do not.
    """

    def __init__(self) -> None:
        self.options_by_group = find_options()
        self.problems: list[str] = []
        self.refused: list[Override] = []
        self.unread: list[str] = []

    def read(self, overrides: Sequence[str]) -> list[str]:
        """The overrides without a mistake, as Hydra wants them."""
        from hydra.core.override_parser.overrides_parser import OverridesParser

        parser, hydra_overrides = OverridesParser.create(), []
        for given in overrides:
            text = with_quoted_condition(with_encoded_name(given))
            try:
                override = parser.parse_override(text)
            except Exception as e:  # the grammar raises several unrelated kinds
                self.problems.append(self.unreadable(given, e))
                self.unread.append(given.lstrip("+~").partition("=")[0])
                continue
            if problems := self._problems(override):
                self.problems += [line for line in problems if line not in self.problems]
                self.refused.append(override)
            else:
                hydra_overrides.append(self.for_hydra(override))
        return hydra_overrides

    def _problems(self, override: "Override") -> list[str]:
        if not _is_unicode(text_of(override)):
            return [f"{text_of(override)}: not UTF-8; give the file a name in it"]
        if (line := self.refusal(override)) is not None:
            return [with_names(line)]
        if (group := self.group(override)) is None:
            return []
        options = self.options_by_group[group]
        jobs = chosen_options(override, list(options))
        return option_problems(text_of(override), override.key_or_group, jobs, options)

    @abstractmethod
    def refusal(self, override: "Override") -> str | None:
        """The line for an override that the command does not take; None for one that it takes."""

    @abstractmethod
    def group(self, override: "Override") -> str | None:
        """The group of which an override chooses options; None where it sets a value."""

    def for_hydra(self, override: "Override") -> str:
        """The override as Hydra wants it: `key=value` may name any key, it is checked later."""
        return "++" + text_of(override).lstrip("+")

    def unreadable(self, text: str, error: Exception) -> str:
        """The line for an override that Hydra's grammar refuses."""
        return unreadable_override(text)


def _is_unicode(text: str) -> bool:
    """False for a text with bytes that were no UTF-8, which no file of a run can hold."""
    return not re.search("[\ud800-\udfff]", text)


def text_of(override: "Override") -> str:
    """An override as it was given, which Hydra's parser keeps."""
    assert override.input_line is not None
    return override.input_line


def unreadable_override(text: str) -> str:
    """The line for an override that cannot be read; most often quotes are missing."""
    key, equals, value = text.partition("=")
    odd = re.search(r"[^\w.,:/\[\]{}()$+-]|[^\x00-\x7f]", value) and not re.search("[\"']", value)
    quoted = typed(key, value) if key and equals and odd else ""
    hint = f", with quotes around the value: {quoted}" if quoted else " or group=option"
    return f"{text!r} cannot be read; write key=value{hint}"


def chosen_options(override: "Override", options: list[str]) -> list[list[Any]]:
    """The options that an override chooses, one list a job."""
    from hydra.core.override_parser.types import Glob

    value = override.value()
    if isinstance(value, Glob):
        return [[name] for name in value.filter(options)]
    if override.is_sweep_override():
        return [_as_list(item) for item in override.sweep_iterator()]
    return [_as_list(value)]


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, str) and value.startswith("["):
        value = [name.strip() for name in value.strip("[]").split(",") if name.strip()]
    return value if isinstance(value, list) else [value]


OPTIONS_OF_HYDRA = {  # plug-ins that lepton has its own for
    "hydra/launcher": {
        **dict.fromkeys(("joblib", "loky", "multiprocessing"), "parallel"),
        "slurm": "submitit_slurm",
        "local": "submitit_local",
        "submitit": "submitit_slurm",
    },
    "hydra/sweeper": {
        **dict.fromkeys(("optuna", "ax", "nevergrad", "bayes", "hyperopt"), "search"),
        "basic": "grid",
    },
}


def _instead(key: str, name: str, options: dict[str, Path]) -> str:
    """What to write for an option that there is not, or that Hydra or a plug-in of it has."""
    of_lepton = OPTIONS_OF_HYDRA.get(key, {}).get(name)
    if of_lepton:
        return f"; write {key}={of_lepton}"
    return file_hint(key, name, options) or did_you_mean(name, options)


def option_problems(
    text: str, key: str, jobs: list[list[Any]], options: dict[str, Path]
) -> list[str]:
    """A line for every chosen option that a group lacks, and for too many or none of them.

    `text` is the override, `key` what it calls the group, `jobs` the options that it chooses.
    """
    available, chosen = ", ".join(options), [name for job in jobs for name in job]
    if not chosen or None in chosen or "" in chosen:
        instead = "none" if "none" in options else "NAME"
        return [f"{text}: chooses nothing; write {key}={instead} (options: {available})"]
    lines = [
        line
        for name in dict.fromkeys(map(str, chosen))
        if name in options and (line := file_problem(key, options[name]))
    ]
    more = f"; several as {key}=[A,B]" if text.startswith("+") and takes_several(key) else ""
    lines += [
        f"{key}={name}: no such option{_instead(key, name, options)} (options: {available}){more}"
        for name in dict.fromkeys(map(str, chosen))
        if name not in options
    ]
    if "[" in text and not (takes_several(key) or (key not in GROUPS and are_named(options))):
        lines.append(f"{text}: {key} takes one option; to compare several, {key}=A,B with -m")
    return lines
