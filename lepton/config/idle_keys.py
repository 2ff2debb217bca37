"""Keys of an experiment that another option than its own does not take, so that they stay out.

An experiment may set `model.dropout` and be trained with a model that has no such key: there the
key does not apply, which is said. A key that no option of the group takes is a mistake still.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton.config.option_keys import class_takes, takes_key
from lepton.config.options import find_options
from lepton.groups import TRAINING_GROUPS

if TYPE_CHECKING:
    from omegaconf import DictConfig

Memory = dict[str, Any]  # what the files of options say, for many configs in a row
Choices = Mapping[str, Any]  # the option that was chosen of each group


def option_without_key(
    config: Mapping[str, Any], choices: Choices, key: str, memory: Memory | None = None
) -> str | None:
    """The option of a composed config that lacks a key which others of its group take.

    None where it takes the key, where it is not known what it takes, and where no option does.
    """
    group, _, path = key.partition(".")
    if not path or group not in TRAINING_GROUPS:
        return None
    if not _kept(memory, f"takes {key}", lambda: takes_key(group, path)):
        return None
    row, label = TRAINING_GROUPS[group], f"{group}={choices.get(group, 'none')}"
    node, parts = config.get(group), path.split(".")
    if row.several:
        node, parts = (node or {}).get(parts[0]), parts[1:]
        if not node or "_target_" not in node:
            return label
    if not parts or not isinstance(node, Mapping | None) or parts[0] in row.own_keys:
        return None
    if not node or "_target_" not in node:
        return None if row.keys else label
    return None if class_takes(str(node["_target_"]), parts[0]) else label


def remove_idle_keys(cfg: "DictConfig", choices: Choices, given: set[str]) -> None:
    """Removes from a composed config what its experiment sets and its options do not take.

    `given` are the keys of the command line, which stay and are refused where nothing takes them.
    """
    for key, _ in _own_values(choices):
        if key in given or option_without_key(cfg, choices, key) is None:
            continue
        *path, name = _removed_path(key)
        node: Any = cfg
        for part in path:
            node = node[part]
        node.pop(name, None)


def idle_values(
    config: Mapping[str, Any], choices: Choices, memory: Memory | None = None
) -> dict[str, str]:
    """The values, `key=value`, that the experiment of a config sets in vain, each with the option
    that does not take it; groups that the run does not heed at all are left out."""
    idle = {}
    for key, value in _own_values(choices, memory):
        group = key.partition(".")[0]
        if config.get(group) is None:
            continue
        option = option_without_key(config, choices, key, memory)
        if option is not None and not _holds(config, key):
            idle[f"experiment={choices['experiment']}: {key}={value}"] = option
    return idle


def _kept(memory: Memory | None, key: str, call: Callable[[], Any]) -> Any:
    """What the call returns, or returned the first time."""
    if memory is None:
        return call()
    if key not in memory:
        memory[key] = call()
    return memory[key]


def _own_values(choices: Choices, memory: Memory | None = None) -> Iterator[tuple[str, Any]]:
    """Yields what the chosen experiment sets of options that it does not choose itself."""
    experiments = _kept(memory, "experiments", lambda: find_options().get("experiment", {}))
    file = experiments.get(str(choices.get("experiment")))
    if file is None:
        return
    own_choices, values = _read(file, file.stat().st_mtime_ns)
    for key, value in values.items():
        if own_choices.get(group := key.partition(".")[0]) != choices.get(group):
            yield key, value


@cache
def _read(file: Path, modified: int) -> tuple[dict[str, str], dict[str, Any]]:
    """What an experiment chooses of each group, and what it sets below groups; Hydra checks it."""
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return {}, {}
    if not isinstance(content, dict):
        return {}, {}
    defaults = content.get("defaults")
    own_choices = {
        str(name).split()[-1].lstrip("/"): str(option)
        for entry in (defaults if isinstance(defaults, list) else [])
        if isinstance(entry, dict)
        for name, option in entry.items()
    }
    values = {}
    for group in (group for group in TRAINING_GROUPS if group in content):
        node = content[group]
        for name, value in node.items() if isinstance(node, dict) else ():
            if TRAINING_GROUPS[group].several and isinstance(value, dict):
                values |= {f"{group}.{name}.{key}": inner for key, inner in value.items()}
            else:
                values[f"{group}.{name}"] = value
    return own_choices, values


def _removed_path(key: str) -> list[str]:
    """The node to remove for a key that does not apply: of one of several options, all of it."""
    parts = key.split(".")
    return parts[:2]


def _holds(config: Mapping[str, Any], key: str) -> bool:
    group, name = _removed_path(key)
    return name in (config.get(group) or {})
