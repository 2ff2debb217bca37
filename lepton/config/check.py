"""Checks the config of a run: finds every mistake in it without importing what it names."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from lepton.config.chosen_options import (
    option_label,
    option_nodes,
    own_groups,
    with_absent_groups,
    with_options_by_name,
)
from lepton.config.constraints import constraint_problems, missing_files
from lepton.config.data_identity import IDENTITY_KEY, data_identity
from lepton.config.inner_options import inner_keys, inner_nodes, shape_problems, without_inner
from lepton.config.input_kinds import (
    idle_groups,
    kind_problems,
    supplied_inputs,
    supplied_to_inner,
)
from lepton.config.lineage import class_names
from lepton.config.model_kind import model_kind
from lepton.config.named_runs import named_run_problems, with_runs_of_studies
from lepton.config.names_as_text import with_names_as_text
from lepton.config.node_checks import key_problems, resolved_config, target_problems, typed_keys
from lepton.config.option_keys import place_of_key
from lepton.config.patience import without_idle_patience
from lepton.config.signature import Signature, TargetError, read_signature, takes_key
from lepton.config.validation import validation_problems, with_validation
from lepton.config.younger_keys import with_younger_keys
from lepton.errors import ConfigError
from lepton.groups import METHOD_CLASS, METHOD_GROUPS, ROOT_VALUES, TRAINING_GROUPS, Group
from lepton.pretrained.study_start import run_to_start_from
from lepton.storage.cache_limit import given_limit

if TYPE_CHECKING:
    from omegaconf import DictConfig

LINEAR_PROBE_KEYS = {"strengths": "list[float]", "iterations": "int"}
CheckMemory = dict[tuple[str, ...], Any]  # what is found of nodes, by what it is told from
RETIRED_ROOT_KEYS = ("kind",)  # that old configs hold, and that say nothing any more


def check(cfg: "DictConfig", *, files: bool = True) -> dict[str, Any]:
    """The config as plain resolved values; groups that its model or data do not heed are None.

    Data files need not be there when `files` is false, as for predicting with a finished run; then
    what the config says of their content stays.

    Raises: ConfigError with every problem: missing values, broken interpolations, unknown keys,
        wrong types, targets that are not allowed, options that cannot go together.
    """
    return check_values(resolved_config(cfg), files=files)


def check_values(
    config: dict[str, Any], memory: CheckMemory | None = None, *, files: bool = True
) -> dict[str, Any]:
    """What `check` makes of a config that is resolved already, and raises.

    `memory`: what was found in other configs of the same process, and is found again in no time.
    """
    memory = {} if memory is None else memory
    given_limit()  # a mistake in it is said before anything is computed
    config = with_absent_groups(with_options_by_name(with_names_as_text(config, memory)))
    config = with_younger_keys(config)
    config = {key: value for key, value in config.items() if key not in RETIRED_ROOT_KEYS}
    problems = _structure_problems(config, memory)
    if files and not problems:
        config = with_runs_of_studies(_with_start(config, memory), memory)
    if not problems:
        config = with_validation(config)
        problems = validation_problems(config)
        problems += constraint_problems(config, model_kind=model_kind(config))
        problems += [*missing_files(config), *named_run_problems(config)] if files else []
    if problems:
        raise ConfigError(*dict.fromkeys(problems))
    unheeded = model_kind(config).unheeded
    config = _without_groups(config, [*unheeded, *idle_groups(config)])
    own = own_groups(config) if {*METHOD_GROUPS} & {*unheeded} else ()
    config = _without_groups(config, own)
    config = {key: value for key, value in config.items() if key not in own}
    config = without_idle_patience(config)
    return {**config, IDENTITY_KEY: data_identity(config)} if files else config


def _with_start(config: dict[str, Any], memory: CheckMemory) -> dict[str, Any]:
    """The config whose `init_from` names a run, where it named a study."""
    if config["init_from"] is None:
        return config
    key = "init_from", config["init_from"], config["runs"]
    if key not in memory:
        memory[key] = run_to_start_from(config["init_from"], config["runs"])
    return {**config, "init_from": memory[key]}


def _structure_problems(config: dict[str, Any], memory: CheckMemory) -> list[str]:
    """A line for every key, type and target that is wrong by itself."""
    own = own_groups(config)
    problems = key_problems(
        "",
        config,
        _root_keys(tuple(own)),
        "lepton train",
        elsewhere=lambda key: place_of_key(key, config),
    )
    if isinstance(probe := config.get("linear_probe"), dict):
        probe_types = typed_keys(LINEAR_PROBE_KEYS)
        problems += key_problems("linear_probe.", probe, probe_types, "linear_probe")
    for name in TRAINING_GROUPS:
        key = name, option_label(config, name), repr(config.get(name))
        if key not in memory:
            memory[key] = group_problems(config, name)
        problems += memory[key]
    for name in own:
        for path, node in option_nodes(config, name).items():
            problems += _own_method_problems(path, node, option_label(config, path))
    return problems


@cache
def _root_keys(own: tuple[str, ...]) -> Signature:
    """What a config with these groups of the user's own has at its root."""
    types = dict.fromkeys((*TRAINING_GROUPS, *own), "dict | None")
    types |= {name: "dict" for name, group in TRAINING_GROUPS.items() if group.keys}
    return typed_keys(ROOT_VALUES | types)


def group_problems(config: dict[str, Any], name: str) -> list[str]:
    """A line for everything wrong in the options of a group, told from their nodes and labels."""
    node = config.get(name)
    if TRAINING_GROUPS[name].several and isinstance(node, dict) and "_target_" in node:
        return [
            f"{name}: _target_ stands one level too high; a file of this group holds the "
            "option's name, and below it _target_ and keys"
        ]
    if TRAINING_GROUPS[name].one_before and isinstance(node, dict):
        choice = (config.get("choices") or {}).get(name)
        if choice in node and (keys := [k for k, v in node.items() if not isinstance(v, dict)]):
            return [f"{name}.{key}: is a key of its option: {name}.{choice}.{key}" for key in keys]
    lines = [
        line
        for path, node in option_nodes(config, name).items()
        for line in _option_problems(path, node, name, option_label(config, path))
    ]
    return lines or kind_problems(name, config.get(name), option_label(config, name))


def _own_method_problems(path: str, node: Any, option: str) -> list[str]:
    """A line for everything wrong in the node of an option of the user's own group."""
    if not node:
        return []
    if not isinstance(node, dict) or "_target_" not in node:
        return [f"{path}: {option} is no method; a file of your own group needs a _target_"]
    problems = target_problems(path, node, (), option, group=path.partition(".")[0])
    if not problems and METHOD_CLASS not in class_names(node["_target_"]):
        target = node["_target_"]
        return [f"{path}._target_: {target!r} is no method; one is derived from {METHOD_CLASS}"]
    return problems


def supplied_arguments(group: str, node: Any) -> tuple[str, ...]:
    """What code gives to the target of an option beside its YAML.

    To a data set that is also what its inputs take, and to some functions their first arguments.
    """
    known = TRAINING_GROUPS[group]
    return (*known.supplied, *supplied_inputs(group, node), *_positional_arguments(known, node))


def _positional_arguments(group: Group, node: Any) -> list[str]:
    """The names of the arguments that code gives to a function by their place."""
    if not (group.positional and isinstance(node, dict) and "_target_" in node):
        return []
    try:
        signature = read_signature(str(node["_target_"]))
    except TargetError:  # which is refused elsewhere
        return []
    return [] if signature.is_class else [*signature.parameters][: group.positional]


def _option_problems(path: str, node: Any, name: str, option: str) -> list[str]:
    """A line for everything wrong in the node of an option of the group of this name."""
    group = TRAINING_GROUPS[name]
    if group.keys and isinstance(node, dict) and "_target_" not in node:
        return key_problems(f"{path}.", node, typed_keys(group.keys), option)
    if not isinstance(node, dict):
        return target_problems(path, node, (), option, group=name)
    target = node.get("_target_")
    names = [key for key in group.own_keys if not takes_key(target, key, or_any=False)]
    own = {key: node[key] for key in names if key in node}
    others = {key: value for key, value in without_inner(node).items() if key not in own}
    types = typed_keys({key: group.own_keys[key] for key in own})
    supplied = (*supplied_arguments(name, node), *inner_keys(node))
    return [
        *key_problems(f"{path}.", own, types, option),
        *target_problems(path, others, supplied, option, group=name),
        *_inner_problems(path, node, name),
    ]


def _inner_problems(path: str, node: dict[str, Any], group: str) -> list[str]:
    """A line for everything wrong in the options inside of an option."""
    if lines := shape_problems(path, node, group):
        return lines
    return [
        line
        for key, name, inner in inner_nodes(node)
        for line in target_problems(
            f"{path}.{key}.{name}",
            inner,
            supplied_to_inner(group, inner),
            str(inner["_target_"]).rpartition(".")[2],
            group=group,
        )
    ]


def _without_groups(config: dict[str, Any], groups: Sequence[str]) -> dict[str, Any]:
    """The config in which nothing was chosen of these groups."""
    choices = {group: name for group, name in config["choices"].items() if group not in groups}
    revisions = {
        path: number
        for path, number in config["revisions"].items()
        if path.partition(".")[0] not in groups
    }
    return {**config, **dict.fromkeys(groups), "choices": choices, "revisions": revisions}
