"""The flags of commands that compose: lepton's own, and those left to Hydra."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lepton.errors import LeptonError

HYDRA_FLAGS = {  # Hydra's own, and the values that they take (any where none are named)
    **dict.fromkeys(("--cfg", "-c"), ("job", "hydra", "all")),
    **dict.fromkeys(
        ("--info", "-i"), ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
    ),
    **dict.fromkeys(("--package", "-p"), ()),
}
HYDRA_SWITCHES = ("--resolve", "--hydra-help")  # those that take no value
CONFIG_NAME = "write experiment=NAME, a file in your conf/experiment, or a command line's values"
CONFIG_PATH = "write --config-dir FOLDER, which adds your groups and options to lepton's"
NOT_TAKEN = {  # Hydra's other flags, and what to type
    **dict.fromkeys(("--config-name", "-cn"), CONFIG_NAME),
    **dict.fromkeys(("--config-path", "-cp"), CONFIG_PATH),
    "-cd": "write --config-dir FOLDER",
    **dict.fromkeys(("--run", "-r"), "leave it out; one run is what there is without -m"),
    "--experimental-rerun": "give the run's own words again with rerun=true (its overrides.yaml)",
    "--shell-completion": 'write eval "$(lepton -sc install=bash)"',
    "-sc": 'write eval "$(lepton -sc install=bash)"',
}
HYDRA_QUESTIONS = {"--cfg", "-c", "--info", "-i", "--hydra-help"}  # what the others go with


@dataclass
class Arguments:
    """The words after a command's name: its overrides, and the flags among them."""

    overrides: list[str]
    multirun: bool
    hydra_flags: list[str]  # with their values
    notes: list[str] = field(default_factory=list)  # on words that others replace


def parse_arguments(arguments: Sequence[str]) -> Arguments:
    """The overrides and flags of a command.

    Raises: LeptonError for a flag that there is not, or that lacks its value.
    """
    parsed, remaining = Arguments([], False, []), iter(arguments)
    for argument in remaining:
        if argument in ("-m", "--multirun"):
            parsed.multirun = True
        elif argument in HYDRA_FLAGS:
            value = _checked_value(argument, next(remaining, ""), HYDRA_FLAGS[argument])
            parsed.hydra_flags += [argument, value]
        elif argument in HYDRA_SWITCHES:
            parsed.hydra_flags.append(argument)
        elif argument.startswith("-"):
            raise _unknown_flag(argument)
        else:
            parsed.overrides.append(argument)
    parsed.notes = _replaced_choices(parsed.overrides)
    if parsed.hydra_flags and not HYDRA_QUESTIONS & {*parsed.hydra_flags}:
        raise LeptonError(f"{parsed.hydra_flags[0]}: goes with --cfg")
    return parsed


def _unknown_flag(argument: str) -> LeptonError:
    """The error for a flag that no command takes, with what to type instead of one of Hydra's."""
    flag = argument.partition("=")[0]
    if flag == "--multirun":
        return LeptonError(f"{argument}: takes no value; write -m")
    if flag in HYDRA_FLAGS:
        return LeptonError(f"{argument}: write {argument.replace('=', ' ', 1)}")
    advice = NOT_TAKEN.get(flag) or f"no such flag; {_without_dashes(argument)}"
    return LeptonError(f"{argument}: {advice}")


def _without_dashes(argument: str) -> str:
    """What to type for a flag that names a group or gives a key its value."""
    from lepton.config.options import find_options

    name, equals, value = argument.lstrip("-").partition("=")
    if name and (equals or name in find_options()):
        return f"groups and keys have no dashes: write {name}={value or 'OPTION'}"
    if argument.startswith("--") and name.isidentifier():
        return "keys have no dashes, as optimizer.lr=0.1; lepton --help"
    return "lepton --help"


def plain_arguments(arguments: Sequence[str]) -> Arguments:
    """The words of a command that takes no flag of Hydra's. Raises: LeptonError for one."""
    parsed = parse_arguments(arguments)
    if parsed.hydra_flags or parsed.multirun:
        raise only_for_train([*parsed.hydra_flags, "-m"][0])
    return parsed


def places_and_overrides(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of such a command that name runs, files or folders, and its overrides."""
    words = plain_arguments(arguments).overrides
    places = [word for word in words if "=" not in word or os.path.exists(word)]
    return places, [word for word in words if word not in places]


def run_and_overrides(arguments: Sequence[str], command: str, usage: str) -> tuple[Path, list[str]]:
    """The folder of the run that a command is about, and its overrides.

    Raises: LeptonError where there is not one folder.
    """
    places, overrides = places_and_overrides(arguments)
    if len(places) != 1:
        raise LeptonError(f"{command}: give the folder of one run; {usage}")
    return Path(places[0]), overrides


def _replaced_choices(overrides: Sequence[str]) -> list[str]:
    """A line for each option of a group in whose place a later word puts another."""
    from lepton.config.options import find_options

    keys = [text.lstrip("+").partition("=")[0] for text in overrides]
    if len({*keys}) == len(keys):
        return []
    groups, chosen, lines = find_options(), dict[str, str](), []
    for key, text in zip(keys, overrides, strict=True):
        if key in groups and chosen.get(key, text) != text:
            lines.append(f"{text} takes the place of {chosen[key]}")
        chosen[key] = text
    return lines


def take_flag(arguments: Sequence[str], flag: str) -> tuple[list[str], str | None]:
    """The words without a flag that takes a value, and this value; None where it is not there.

    Raises: LeptonError for one without a value.
    """
    others, value, remaining = list[str](), None, iter(arguments)
    for argument in remaining:
        name, equals, given = argument.partition("=")
        if name == flag:
            value = _checked_value(flag, given if equals else next(remaining, ""))
        else:
            others.append(argument)
    return others, value


def apply_shared_flags(arguments: Sequence[str]) -> list[str]:
    """The words without --config-dir and --allow, which every command takes; both take effect.

    What the pyproject.toml here allows does too.
    Raises: LeptonError for one that lacks its value, and for a folder that is not there.
    """
    from lepton.config.project_file import allow_own_packages

    others, remaining = [], iter(arguments)
    for argument in remaining:
        flag, equals, value = argument.partition("=")
        if flag in ("--config-dir", "--allow"):
            _apply(flag, _checked_value(flag, value if equals else next(remaining, "")))
        else:
            others.append(argument)
    allow_own_packages()
    return others


def only_for_train(flag: str) -> LeptonError:
    """The error for a flag of `lepton train` that was given to another command."""
    return LeptonError(f"{flag}: for `lepton train` alone")


def _checked_value(flag: str, value: str, possible: Sequence[str] = ()) -> str:
    if not value or value.startswith("-"):
        raise LeptonError(f"{flag}: needs a value{': ' if possible else ''}{', '.join(possible)}")
    if possible and value not in possible:
        raise LeptonError(f"{flag} {value}: no such thing to show ({', '.join(possible)})")
    return value


def _apply(flag: str, value: str) -> None:
    """Allows a package, or makes a folder the user's conf folder."""
    if flag == "--allow":
        from lepton.config.trust import allow

        allow(value)
        return
    if not Path(value).is_dir():
        raise LeptonError(f"--config-dir {value}: no such folder")
    from lepton.config.options import CONFIG_DIR_VARIABLE

    os.environ[CONFIG_DIR_VARIABLE] = str(Path(value).resolve())
