"""Checks of a config's nodes that all commands share: values, keys, types and targets."""

import ast
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from lepton.config.annotations import accepts, annotation_text, item_annotations, wants_object
from lepton.config.option_keys import keys_not_value, options_with_key, unchosen_option
from lepton.config.signature import Parameter, Signature, TargetError, read_signature
from lepton.config.trust import is_trusted, refusal
from lepton.errors import ConfigError, did_you_mean
from lepton.groups import GROUPS

if TYPE_CHECKING:
    from omegaconf import DictConfig

INSTANTIATE_KEYS = {"_partial_", "_args_", "_recursive_", "_convert_"}  # that could hide a call

MOST_UNKNOWN = 5  # keys that are told one by one; more are no slips of the pen


def resolved_config(cfg: "DictConfig") -> dict[str, Any]:
    """The config as plain values.

    Raises: ConfigError with a line for every value that is missing or cannot be interpolated.
    """
    from omegaconf.errors import OmegaConfBaseException

    try:
        return plain_dict(cfg, throw_on_missing=True)
    except OmegaConfBaseException:  # which names the first of them alone
        problems = _unresolved_values(cfg, "")
        if not problems:
            raise
        raise ConfigError(*problems) from None


def plain_dict(cfg: "DictConfig", *, throw_on_missing: bool = False) -> dict[str, Any]:
    """A node as plain values, all of which can be interpolated."""
    from omegaconf import OmegaConf

    values = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=throw_on_missing)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _unresolved_values(node: Any, parent: str) -> list[str]:
    """A line for every value inside a node that is missing or cannot be interpolated."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    problems = []
    for key in node.keys() if OmegaConf.is_dict(node) else range(len(node)):
        path = f"{parent}.{key}" if parent else str(key)
        if OmegaConf.is_missing(node, key):
            problems.append(f"{path}: has no value yet; give {path}=...")
            continue
        try:
            value = node[key]
        except OmegaConfBaseException as e:
            problems.append(f"{path}: {str(e).splitlines()[0]}")
            continue
        if OmegaConf.is_config(value):
            problems += _unresolved_values(value, path)
    return problems


def typed_keys(types: Mapping[str, str]) -> Signature:
    """The signature of a mapping that needs exactly these keys, each with its type as source."""
    parameters = {key: Parameter(True, _parse_annotation(type_)) for key, type_ in types.items()}
    return Signature("", parameters, False)


@cache
def _parse_annotation(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def key_problems(
    prefix: str,
    values: Mapping[str, Any],
    signature: Signature,
    owner: str,
    supplied: Collection[str] = (),
    elsewhere: Callable[[str], str] = lambda _: "",
) -> list[str]:
    """A line for every unknown, missing or ill-typed key of a mapping.

    `owner` is what takes the keys, as the user chose it; `supplied` are keys that code gives;
    `elsewhere` says where an unknown key belongs, as the end of its line.
    """
    problems = []
    parameters = {k: p for k, p in signature.parameters.items() if k not in supplied}
    for key, value in values.items():
        if key in parameters:
            annotation = parameters[key].annotation
            is_object = signature.origin and isinstance(value, dict) and "_target_" in value
            if annotation and not is_object and not accepts(annotation, value):
                as_list = f"; write {prefix}{key}=[{value}]" if accepts(annotation, [value]) else ""
                line = f"{prefix}{key}: {value!r} is not {annotation_text(annotation)}"
                problems.append(line + as_list)
        elif key in supplied:
            problems.append(f"{prefix}{key}: set by lepton, not by hand")
        elif not signature.takes_any_key:
            hint = elsewhere(key) or did_you_mean(key, parameters) or options_with_key(prefix, key)
            problems.append(f"{prefix}{key}: {owner} has no such key{hint}")
    unknown = [key for key in values if key not in parameters and key not in supplied]
    if len(unknown) > MOST_UNKNOWN and not signature.takes_any_key:
        return [
            f"{prefix.rstrip('.')}: {owner} takes none of {', '.join(unknown)}; its class passes "
            "on **options to a base that does"
        ]
    for key, parameter in parameters.items():
        if parameter.required and key not in values:
            problems.append(f"{prefix}{key}: missing; {owner} needs it")
    return problems


def _without_target(path: str, key: str, value: Any, option: str) -> str:
    """The line for a key of an option that names nothing to make."""
    line = f"{path}.{key}: {option} takes no keys"
    if isinstance(value, dict) and "_target_" in value:
        return f"{line}; _target_ stands one level too deep, its file begins with it"
    if (advice := unchosen_option(path)) is not None:
        return f"{path}.{key}: {advice}"
    return line if option.endswith("=none") else f"{line}, since its file has no _target_"


def target_problems(
    path: str,
    node: Any,
    supplied: Collection[str],
    option: str,
    *,
    group: str | None,
    inside: bool = False,
) -> list[str]:
    """A line for everything wrong in a node with a `_target_`, and in the targets inside it.

    `group` is the one that the node is an option of, or `inside` of an option; None: a command.
    """
    if node is None or node == {}:
        return []
    if not isinstance(node, dict):
        choose = keys_not_value(path) or f"choose one with {path}=NAME"
        return [f"{path}: {node!r} is not an option; {choose}"]
    if "_target_" not in node:
        return [_without_target(path, key, value, option) for key, value in node.items()]
    name = str(node["_target_"])
    if not is_trusted(name, group, inside=inside):
        return [refusal(path, name, group, inside=inside)]
    try:
        signature = read_signature(name)
    except TargetError as e:
        return [f"{path}._target_: {e}"]
    if not is_trusted(signature.origin, group, inside=inside):
        return [refusal(path, signature.origin, group, inside=inside)]
    values = {key: value for key, value in node.items() if key != "_target_"}
    arguments = {key: value for key, value in values.items() if key not in INSTANTIATE_KEYS}
    return [
        *key_problems(f"{path}.", arguments, signature, option, supplied),
        *([] if inside else hidden_call_problems(path, node)),
        *inner_target_problems(path, values, signature, option, group=group, inside=inside),
    ]


def hidden_call_problems(path: str, value: Any) -> list[str]:
    """A line for each key or text anywhere in a node by which Hydra would call what is not seen.

    What a config interpolates is there by now; a `${` that is left was written to be looked up
    when the object is made.
    """
    if isinstance(value, str):
        is_lookup = "${" in value
        return [f"{path}: {value!r}: no ${{...}} is looked up here"] if is_lookup else []
    if not isinstance(value, dict | list):
        return []
    problems = []
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if key in INSTANTIATE_KEYS:
            problems.append(f"{path}.{key}: not allowed; give arguments by name")
        problems += hidden_call_problems(f"{path}.{key}", item)
    return problems


def inner_target_problems(
    path: str,
    values: Mapping[str, Any],
    signature: Signature,
    option: str,
    *,
    group: str | None,
    inside: bool,
) -> list[str]:
    """A line for everything wrong in the targets among the values that a node gives a signature.

    One may stand where the annotation wants an object, and where the group says that options hold a
    part, whatever the class of an option says of it.
    """
    parts = {} if inside or group not in GROUPS else GROUPS[group].parts
    parameters, problems = signature.parameters, []
    for key, value in values.items():
        where = f"{path}.{key}"
        if group and key in parts and isinstance(value, dict) and "_target_" in value:
            supplied = GROUPS[group].supplied if key in GROUPS[group].made_inside else ()
            problems += target_problems(where, value, supplied, option, group=group, inside=True)
            continue
        annotation = parameters[key].annotation if key in parameters else None
        kinds = [annotation] if annotation else []
        problems += _value_problems(where, value, kinds, option, group)
    return problems


def _value_problems(
    path: str, value: Any, kinds: Sequence[ast.expr], option: str, group: str | None
) -> list[str]:
    """A line for everything wrong in the targets in a value; `kinds` are the annotations of it."""
    if not isinstance(value, dict | list):
        return []
    problems = []
    if isinstance(value, dict) and "_target_" in value:
        if any(map(wants_object, kinds)):
            return target_problems(path, value, (), option, group=group, inside=True)
        name = str(value["_target_"])
        if is_trusted(name, group, inside=True):
            problems = [_no_object(path, kinds, option)]
        else:
            problems = [refusal(path, name, group, inside=True)]
        kinds = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    inner = [annotation for kind in kinds for annotation in item_annotations(kind)]
    return [
        *problems,
        *(
            line
            for key, item in items
            for line in _value_problems(f"{path}.{key}", item, inner, option, group)
        ),
    ]


def _no_object(path: str, kinds: Sequence[ast.expr], option: str) -> str:
    """The line for a target where no object is taken."""
    text = " or ".join(map(annotation_text, kinds))
    if not text or {"Any", "object"} & {*text.replace("[", " ").replace("]", " ").split()}:
        hint = "no object here; one goes where a parameter is annotated with its class"
    else:
        hint = f"{text} here, and no object"
    return f"{path}._target_: {option} takes {hint}"
