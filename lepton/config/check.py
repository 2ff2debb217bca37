"""Every mistake in a composed config, found without importing what it names."""

import ast
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

from lepton.config.constraints import constraint_problems, missing_files
from lepton.config.signature import (
    Parameter,
    Signature,
    TargetError,
    accepts,
    annotation_text,
    read_signature,
)
from lepton.errors import ConfigError, did_you_mean

ALLOW_VARIABLE = "LEPTON_ALLOW"  # further packages, by commas; the environment reaches workers
TRUSTED_PREFIXES = (
    "lepton.dataset.",
    "lepton.preprocessing.",
    "lepton.tokenizer.",
    "lepton.model.",
    "lepton.optimizer.",
    "lepton.scheduler.",
    "lepton.regularization.",
    "lepton.finetune.",
    "lepton.trainer.",
    "lepton.ensemble.",
    "torch.nn.",
    "torch.optim.",
    "sklearn.preprocessing.",
    "pytorch_lightning.loggers.",
    "lion_pytorch.",
    "schedulefree.",
)
SUPPLIED_ARGUMENTS = {  # what code gives a group's target beside its YAML
    "dataset": (
        *("preprocessing", "tokenizer", "batch_size", "seed"),
        *("limit_batches", "overfit_batches"),
    ),
    "preprocessing": ("seed",),
    "model": ("spec", "seed"),
    "optimizer": ("params",),
    "scheduler": ("optimizer", "total_steps"),
    "regularization": (),
    "finetune": (),
    "trainer": ("callbacks", "logger"),
    "logger": ("save_dir",),
}
ROOT_KEYS = {
    "seed": "int",
    "batch_size": "int",
    "task": "dict",
    "study": "str",
    "runs": "str",
    "rerun": "bool",
    "init_from": "None | str",
    "forgetting": "bool",
    "kind": "str",
    "suggested": "dict",
    "choices": "dict",
    "overrides": "list",
    **dict.fromkeys(SUPPLIED_ARGUMENTS, "dict | None"),
}
LATER_ROOT_KEYS = {  # keys that configs of old runs lack, as those runs had them
    **{"finetune": {}, "init_from": None, "forgetting": False},
    **{"kind": "table", "suggested": {}},
}
LATER_DATASET_KEYS = {"shots": None, "fraction": 1.0}  # those of a data set, likewise
TASK_KEYS = {"class_weights": "None | str | list[float]", "monitor": "None | str"}
PLUGIN_PREFIXES = (
    "hydra_plugins.",
    "hydra._internal.core_plugins.",
    "optuna.samplers.",
    "optuna.pruners.",
)
INSTANTIATE_KEYS = {"_partial_", "_args_", "_recursive_", "_convert_"}  # that could hide a call
# groups that only networks heed, not models that fit themselves
NETWORK_GROUPS = ("optimizer", "scheduler", "regularization", "finetune", "trainer")


def allow(*packages: str) -> None:
    """Lets `_target_`s name these packages, here and in worker processes."""
    now = [p for p in os.environ.get(ALLOW_VARIABLE, "").split(",") if p]
    os.environ[ALLOW_VARIABLE] = ",".join(dict.fromkeys([*now, *packages]))


def is_allowed(name: str) -> bool:
    """Whether a dotted name lies inside a package that `_target_`s may use."""
    extra = tuple(f"{p}." for p in os.environ.get(ALLOW_VARIABLE, "").split(",") if p)
    return name.startswith(TRUSTED_PREFIXES + extra)


def check(cfg, *, files: bool = True) -> dict[str, Any]:
    """The config as plain resolved values; what a model that fits itself ignores is None.

    Data files need not be there when `files` is false, as for predicting with a finished run.

    Raises: ConfigError with every problem: missing values, broken interpolations, unknown keys,
        wrong types, targets that are not allowed, options that cannot go together.
    """
    problems = unresolved_values(cfg)
    if problems:
        raise ConfigError(*problems)
    from omegaconf import OmegaConf

    plain = LATER_ROOT_KEYS | OmegaConf.to_container(cfg, resolve=True)
    choices = plain.get("choices") or {}
    problems = key_problems("", plain, typed_keys(tuple(ROOT_KEYS.items())), "lepton train", ())
    if isinstance(plain.get("task"), dict):
        problems += key_problems(
            "task.", plain["task"], typed_keys(tuple(TASK_KEYS.items())), "task", ()
        )
    for group, supplied in SUPPLIED_ARGUMENTS.items():
        node, option = plain.get(group), f"{group}={choices.get(group, '?')}"
        nested = group == "regularization"
        for path, part in _parts(group, node, nested=nested):
            problems += target_problems(path, part, supplied, option)
    if not problems:
        kinds = input_kind(plain, "dataset"), input_kind(plain, "model")
        problems = constraint_problems(plain, alone=fits_itself(plain), kinds=kinds) + (
            missing_files(plain) if files else []
        )
    if problems:
        raise ConfigError(*dict.fromkeys(problems))
    if fits_itself(plain):
        plain |= dict.fromkeys(NETWORK_GROUPS)
        plain["choices"] = {k: v for k, v in choices.items() if k not in NETWORK_GROUPS}
    if input_kind(plain, "dataset") != "table":
        plain["preprocessing"] = None
        plain["choices"] = {k: v for k, v in plain["choices"].items() if k != "preprocessing"}
    return plain


def input_kind(plain: dict[str, Any], group: str) -> str:
    """What the data set holds, or the model reads: table, text, ...; a class says it as `kind`."""
    node = plain[group] or {}
    return read_signature(node["_target_"]).kind if "_target_" in node else "table"


def with_later_keys(config: dict[str, Any]) -> dict[str, Any]:
    """The config of a finished run, with the keys of its data set that are younger than the run."""
    try:
        taken = read_signature(config["dataset"]["_target_"]).parameters
    except (TargetError, KeyError, TypeError):  # which `check` refuses in its own words
        return config
    added = {key: value for key, value in LATER_DATASET_KEYS.items() if key in taken}
    return config | {"dataset": added | config["dataset"]}


def fits_itself(plain: dict[str, Any]) -> bool:
    """Whether the model has a `fit` of its own, so that nothing of TRAINING applies to it."""
    model = plain["model"] or {}
    return "_target_" in model and "fit" in read_signature(model["_target_"]).methods


@cache
def typed_keys(items: tuple[tuple[str, str], ...]) -> Signature:
    found = {k: Parameter(True, ast.parse(v, mode="eval").body) for k, v in items}
    return Signature("", found, False, frozenset())


def unresolved_values(cfg) -> list[str]:
    """A line for every value that is missing or cannot be interpolated."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    problems = []

    def walk(node, path):
        keys = node.keys() if OmegaConf.is_dict(node) else range(len(node))
        for key in keys:
            where = f"{path}.{key}" if path else str(key)
            if OmegaConf.is_missing(node, key):
                problems.append(f"{where}: has no value yet; give {where}=...")
                continue
            try:
                value = node[key]
            except OmegaConfBaseException as e:
                problems.append(f"{where}: {str(e).splitlines()[0]}")
                continue
            if OmegaConf.is_config(value):
                walk(value, where)

    walk(cfg, "")
    return problems


def _parts(group: str, node: Any, *, nested: bool) -> list[tuple[str, Any]]:
    """The nodes of a group that hold a target; several under their own names when nested."""
    if not (nested and isinstance(node, dict)):
        return [(group, node)]
    return [(f"{group}.{name}", part) for name, part in node.items()]


def target_problems(path: str, node: Any, supplied: tuple[str, ...], option: str) -> list[str]:
    """Problems of one node with a `_target_`, and of the targets inside it."""
    if node is None or node == {}:
        return []
    if not isinstance(node, dict):
        return [f"{path}: {node!r} is not an option; choose one with {path}=NAME"]
    if "_target_" not in node:
        return [f"{path}.{key}: {option} takes no keys" for key in node]
    name = str(node["_target_"])
    if not is_allowed(name):
        return [_refused(path, name)]
    try:
        found = read_signature(name)
    except TargetError as e:
        return [f"{path}._target_: {e}"]
    if not is_allowed(found.origin):
        return [_refused(path, found.origin)]
    values = {k: v for k, v in node.items() if k != "_target_"}
    hidden = [
        f"{path}.{k}: not allowed; give arguments by name" for k in INSTANTIATE_KEYS & set(node)
    ]
    shown = {k: v for k, v in values.items() if k not in INSTANTIATE_KEYS}
    inner = _inner(path, values, option)
    return key_problems(f"{path}.", shown, found, option, supplied) + sorted(hidden) + inner


def _inner(path: str, value: Any, option: str) -> list[str]:
    """Problems of the targets anywhere inside a value."""
    if isinstance(value, dict) and "_target_" in value:
        return target_problems(path, value, (), option)
    items = value.items() if isinstance(value, dict) else enumerate(value)
    nested = [(f"{path}.{key}", part) for key, part in items if isinstance(part, dict | list)]
    return [line for where, part in nested for line in _inner(where, part, option)]


def find_targets(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every `_target_` inside nested values, and where it stands."""
    if isinstance(node, dict) and "_target_" in node:
        yield f"{path}._target_", str(node["_target_"])
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from find_targets(value, f"{path}.{key}")


def check_plugins(hydra) -> None:
    """Holds Hydra's own part of a config, of which a sweep makes objects, to trusted names.

    Raises: ConfigError for each that is neither a plugin nor in a trusted package.
    """
    from omegaconf import OmegaConf

    found = find_targets(OmegaConf.to_container(hydra, resolve=False), "hydra")
    problems = [
        f"{where}: {name!r} is not a plugin of Hydra's"
        for where, name in found
        if not (name.startswith(PLUGIN_PREFIXES) or is_allowed(name))
    ]
    if problems:
        raise ConfigError(*problems)


def _refused(path: str, name: str) -> str:
    package = name.split(".")[0]
    return (
        f"{path}._target_: {name!r} is not in a trusted package; if you trust it, --allow {package}"
    )


def key_problems(prefix: str, node: Any, found: Signature, where: str, supplied) -> list[str]:
    """Unknown, missing and ill-typed keys of a mapping, held against a signature."""
    problems = []
    known = {k: p for k, p in found.parameters.items() if k not in supplied}
    for key, value in node.items():
        if key in known:
            annotation = known[key].annotation
            target = found.origin and isinstance(value, dict) and "_target_" in value
            if not target and not accepts(annotation, value):
                problems.append(f"{prefix}{key}: {value!r} is not {annotation_text(annotation)}")
        elif key in supplied:
            problems.append(f"{prefix}{key}: set by lepton, not by hand")
        elif not found.open:
            problems.append(f"{prefix}{key}: {where} has no such key{did_you_mean(key, known)}")
    for key, parameter in known.items():
        if parameter.required and key not in node:
            problems.append(f"{prefix}{key}: missing; {where} needs it")
    return problems
