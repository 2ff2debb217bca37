"""Overrides of a command line as Hydra wants them; those that cannot be read are told in a line."""

import re
from collections.abc import Sequence
from pathlib import Path

from lepton.config.options import COMMAND_GROUPS, MULTI_CHOICE_GROUPS, find_options
from lepton.errors import MisreadOverrides, did_you_mean

MAX_KEY_LENGTH = 200  # characters of a key; Hydra looks for files of that name


def parse_overrides(overrides: Sequence[str], *, sweep: bool) -> list[str]:
    """The overrides as Hydra wants them: `key=value` may name any key, `check` judges it later.

    Raises: MisreadOverrides with every override that cannot be read or names no option.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser, known, result, problems = OverridesParser.create(), find_options(), [], []
    spoilt: set[str] = set()  # groups whose option is wrong, so that their keys cannot be judged
    for text in overrides:
        try:
            override = parser.parse_override(text)
        except Exception as e:  # the grammar raises several unrelated kinds
            said = re.search("while evaluating '.*': (.*)", str(e))
            problems.append(f"{text}: {said[1]}" if said else unreadable_override(text))
            continue
        key = override.key_or_group
        head = re.split(r"[./@]", key)[0]
        if not head or key == "hydra" or len(key) > MAX_KEY_LENGTH:
            problems.append(unreadable_override(text))
        elif override.is_sweep_override() and not sweep:
            problems.append(f"{text}: several values need a sweep; add -m, or quote the comma")
            spoilt |= {key} & known.keys()
        elif head in ("choices", "overrides"):
            problems.append(f"{key}: set by lepton, not by hand")
        elif head in COMMAND_GROUPS:
            problems.append(f"{key}: lepton train has no such key; it belongs to lepton {head}")
        elif key in known and override.package is None:
            chosen = chosen_options(override, list(known[key]))
            wrong = option_problems(text, key, chosen, known[key])
            problems += wrong
            spoilt |= {key if head == "hydra" else head} if wrong else set()
            globbed = ",".join(str(name) for job in chosen for name in job)
            result.append(f"{key}={globbed}" if "glob(" in text else text.lstrip("+"))
        elif head == "hydra" or override.is_delete() or override.package is not None:
            result.append(text)
        elif "/" in key:
            problems.append(f"{key}: no such group{did_you_mean(key, known)}")
        else:
            result.append("++" + text.lstrip("+"))
    if problems:
        spoilt |= {"init_from", "forgetting"} if "finetune" in spoilt else set()
        rest = [w for w in result if not spoilt & _named(w)]
        raise MisreadOverrides(problems, readable=rest)
    return result


def _named(word: str) -> set[str]:
    """The key that an override sets, and the group or node at its root."""
    key = word.lstrip("+~").partition("=")[0]
    return {key, re.split(r"[./@]", key)[0]}


def unreadable_override(text: str) -> str:
    """The line for an override that Hydra's grammar refuses; most often quotes are missing."""
    key, equals, value = text.partition("=")
    odd = re.search(r"[^\w.,:/\[\]{}()$+-]|[^\x00-\x7f]", value) and not re.search("[\"']", value)
    quoted = f'{key}="{value}"' if key and equals and odd else ""
    hint = f", with quotes around the value: '{quoted}'" if quoted else " or group=option"
    return f"{text!r} cannot be read; write key=value{hint}"


def chosen_options(override, have: list[str]) -> list[list]:
    """The options that an override chooses, one list a job."""
    from hydra.core.override_parser.types import Glob

    value = override.value()
    if isinstance(value, Glob):
        return [[name] for name in value.filter(have)]
    if override.is_sweep_override():
        return [_listed(item) for item in override.sweep_iterator()]
    return [_listed(value)]


def _listed(value) -> list:
    if isinstance(value, str) and value.startswith("["):
        value = [v.strip() for v in value.strip("[]").split(",") if v.strip()]
    return value if isinstance(value, list) else [value]


def option_problems(text: str, group: str, chosen: list[list], known: dict[str, Path]) -> list[str]:
    """A line for every option that the group does not have, and for too many or none of them."""
    have, names = ", ".join(known), [name for job in chosen for name in job]
    if not names or None in names or "" in names:
        instead = "none" if "none" in known else "NAME"
        return [f"{text}: chooses nothing; write {group}={instead} (options: {have})"]
    wrong = dict.fromkeys(str(name) for name in names if str(name) not in known)
    lines = [
        f"{group}={name}: no such option{did_you_mean(name, known)} (options: {have})"
        for name in wrong
    ]
    if group not in MULTI_CHOICE_GROUPS and "[" in text:
        lines.append(f"{text}: {group} takes one option; to compare several, {group}=A,B with -m")
    return lines
