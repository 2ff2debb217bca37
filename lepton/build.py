"""Builds objects from a checked config: the only caller of hydra.utils.instantiate."""

import inspect
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra.utils
from hydra.errors import InstantiationException

from lepton.compat.hydra import cause_text, without_execution_checks
from lepton.config.chosen_options import chosen_nodes, option_label
from lepton.config.data_identity import without_name
from lepton.config.inner_options import inner_keys, inner_nodes, without_inner
from lepton.config.input_kinds import (
    kind_facts,
    provided_kinds,
    used_kinds,
)
from lepton.config.method_nodes import method_nodes
from lepton.config.node_checks import hidden_call_problems, inner_target_problems
from lepton.config.own_modules import import_own_module
from lepton.config.signature import read_signature
from lepton.config.trust import find_targets, is_trusted, refusal
from lepton.dataset.load.step_rows import rows_of_a_step
from lepton.errors import ConfigError
from lepton.groups import GROUPS, METHOD_CLASS, package_of
from lepton.spec import DataSpec

if TYPE_CHECKING:
    from lepton.compat.lightning import pl
    from lepton.dataset.data import Data
    from lepton.method import Method
    from lepton.task import Task


def instantiate(node: dict[str, Any], group: str, /, **supplied: Any) -> Any:
    """The object that a node's `_target_` makes of the node's values and what code supplies.

    Raises: ConfigError when a target, once imported, lies outside the packages of the group, or
        stands in the node where no object is taken.
    """
    return unfinished(node, group)(**supplied)


def unfinished(whole: dict[str, Any], group: str, *, inside: bool = False) -> partial[Any]:
    """A node's `_target_` with the node's values, to be called with what code supplies.

    The node is an option of the group, or `inside` of one. Further options that it holds are in the
    call unfinished too, by key and name.

    Raises: as `instantiate`.
    """
    held: dict[str, dict[str, Any]] = {key: {} for key in inner_keys(whole)}
    for key, name, option in inner_nodes(whole):
        held[key][name] = unfinished(option, group)
    made = _unfinished(without_inner(whole), group, inside=inside)
    return partial(made, **held) if held else made


def _unfinished(node: dict[str, Any], group: str, *, inside: bool) -> partial[Any]:
    """As `unfinished`, of a node that holds no further options."""
    places = list(find_targets(node, group))
    names = [name for _, name in places]
    for position, (place, name) in enumerate(places):
        path = place.removesuffix("._target_")
        _import_trusted(path, name, group, inside=inside or position > 0)
    problems = hidden_call_problems(group, node)
    if len(names) > 1:
        values = {key: value for key, value in node.items() if key != "_target_"}
        signature, option = read_signature(names[0]), names[0]
        problems += inner_target_problems(
            group, values, signature, option, group=group, inside=inside
        )
    if problems:
        raise ConfigError(*problems)
    if not inside:
        node = _with_unfinished_parts(node, group)
    unchecked = without_execution_checks()  # each target is imported and trusted, or refused above
    marked = {**node, "_partial_": True, "_convert_": "all"}  # as arguments Hydra merges configs
    return hydra.utils.instantiate(marked, **unchecked)


def _with_unfinished_parts(node: dict[str, Any], group: str) -> dict[str, Any]:
    """The node, of which those parts are functions that the option's class makes itself."""
    keys = [k for k in GROUPS[group].made_inside if k in node] if group in GROUPS else []
    return {**node, **{key: {**node[key], "_partial_": True} for key in keys if node[key]}}


def import_target(node: dict[str, Any], group: str | None) -> Any:
    """The class or function that a node of a group names, without making anything of it.

    The group None is that of the commands themselves.
    """
    return _import_trusted(group or "command", node["_target_"], group, inside=False)


def _import_trusted(path: str, name: str, group: str | None, *, inside: bool) -> Any:
    """The class or function of this name, which must be trusted by its own name as well."""
    if not is_trusted(name, group, inside=inside):
        raise ConfigError(refusal(path, name, group, inside=inside))
    import_own_module(path, name)
    target = hydra.utils.get_object(name)
    has_own_name = inspect.isclass(target) or inspect.isfunction(target)
    own_name = f"{target.__module__}.{target.__qualname__}" if has_own_name else name
    if not has_own_name:
        raise ConfigError(f"{path}._target_: {name!r} is not in a trusted package")
    if not is_trusted(own_name, group, inside=inside):
        raise ConfigError(refusal(path, own_name, group, inside=inside))
    return target


def component(config: dict[str, Any], group: str, **supplied: Any) -> Any:
    """The model, optimizer or scheduler of a config.

    Raises: ConfigError for a value that a trusted target refuses; an error of the user's own
        code is left as it is.
    """
    try:
        return instantiate(config[group], group, **supplied)
    except (ValueError, TypeError, ArithmeticError, RuntimeError, InstantiationException) as e:
        if package_of(config[group]["_target_"]) is None:
            raise
        option = f"{group}={config.get('choices', {}).get(group, '?')}"
        raise ConfigError(f"{group}: {option} refuses its values: {cause_text(e)}") from e


def data(config: dict[str, Any]) -> "Data":
    """The data module, read, split and preprocessed."""
    from lepton.dataset.describe.held_inputs import refuse_lack_of_inputs

    module = unread_data(config)
    module.setup()
    module.batch_size = rows_of_a_step(len(module.splits["train"]["id"]), config)
    refuse_lack_of_inputs(config, module)
    return module


def unread_data(
    config: dict[str, Any], *, for_model: bool = True, every_kind: bool = False
) -> "Data":
    """The data module before it reads anything.

    Without a model to prepare for, as to look at raw rows, it gets nothing that makes inputs; with
    `every_kind` it makes all kinds of inputs, whatever the model reads.
    """
    from lepton.dataset.data import Data
    from lepton.dataset.inputs.find import input_kind
    from lepton.dataset.own_data import other_class

    supplied, unread, used = {}, [], used_kinds(config) if for_model else []
    used = provided_kinds(config) if every_kind else used
    for facts in provided_kinds(config):
        if facts not in used:
            unread.append(facts.name)
            supplied[facts.target] = dict.fromkeys(facts.supplies)
            continue
        supplied[facts.target] = {
            name: _input_part(name, node) if node else None
            for name, node in input_kind(facts.target).parts(config).items()
        }
    trainer = config["trainer"] or {}
    if problem := other_class(import_target(config["dataset"], "dataset"), Data):
        raise ConfigError(f"{option_label(config, 'dataset')}: {problem}")
    module = _with_parts(without_name(config["dataset"]), supplied)(
        batch_size=config["batch_size"],
        seed=config["seed"],
        limit_batches=trainer.get("limit_batches"),
        overfit_batches=trainer.get("overfit_batches") or 0,
    )
    if "_target_" in config["task"]:
        task = import_target(config["task"], "task")
        module.read_target, module.only_class = task.read_target, task.only_class(config["task"])
    if for_model and unread:
        module.leave_unread(unread)
    return module


def _with_parts(node: dict[str, Any], parts: dict[str, dict[str, Any]]) -> partial[Any]:
    """A data set, not yet finished, with what its kinds of inputs are given; a data set that holds
    the classes of its kinds hands these their part. `parts` by the dotted name of a kind."""
    data_set, inner = unfinished(node, "dataset"), [*inner_nodes(node)]
    if not inner:
        return partial(
            data_set, **{k: part for given in parts.values() for k, part in given.items()}
        )
    for key, name, kind in inner:
        classes = data_set.keywords[key]
        classes[name] = partial(classes[name], **parts[kind_facts(str(kind["_target_"])).target])
    return data_set


def _input_part(name: str, node: dict[str, Any]) -> Any:
    """What a kind of inputs is built with: an option of the group `name`, or a part of one."""
    owners = [group for group, row in GROUPS.items() if name in row.parts]
    group = name if name in GROUPS else next(iter(owners), "model")
    return unfinished(node, group, inside=group != name)()


def task(config: dict[str, Any], spec: DataSpec) -> "Task":
    """The loss, prediction and monitored metric for what the data ask."""
    from lepton.task import task_for

    node, added = config["task"], _loss_and_metrics(config)
    if "_target_" in node:
        return component(config, "task", spec=spec, **added)
    return task_for(spec, **node, **added)


def _loss_and_metrics(config: dict[str, Any]) -> dict[str, Any]:
    """What was chosen of the groups loss and metric, for the task to finish."""
    from lepton.loss.option import LossOption
    from lepton.metric.option import MetricOption

    loss = None
    for path, node in chosen_nodes(config, "loss").items():
        loss = LossOption(option_label(config, path), unfinished(node, "loss"))
    metrics = [
        MetricOption(
            path.rpartition(".")[2],
            option_label(config, path),
            unfinished({k: v for k, v in node.items() if k != "larger_is_better"}, "metric"),
            node.get("larger_is_better"),
        )
        for path, node in chosen_nodes(config, "metric").items()
    ]
    return {"loss": loss, "added_metrics": metrics}


def methods(config: dict[str, Any]) -> "list[Method]":
    """The methods of a config, by group and name, in whichever order given."""
    built = {p: instantiate(node, p.partition(".")[0]) for p, node in method_nodes(config)}
    for path, method in built.items():
        if problem := _method_problem(method):
            raise ConfigError(f"{path}: {problem}")
        method.stream_name = path
    return list(built.values())


def _method_problem(built: Any) -> str | None:
    """What is said of no method, and of one of the user's without any hook; None of any other."""
    from lepton.method import Method, overrides

    method = type(built)
    if not isinstance(built, Method):
        return f"{method.__name__} is no method of {METHOD_CLASS}"
    if method.__module__.startswith("lepton."):
        return None
    hooks = [name for name, value in vars(Method).items() if callable(value) and name[0] != "_"]
    if any(overrides(method, hook) for hook in hooks):
        return None
    own = [name for base in method.__mro__ for name in vars(base) if name[0] != "_"]
    pairs = ((name, get_close_matches(name, hooks, 1)) for name in own if name not in hooks)
    hint = next((f"; did you mean {close[0]!r} by {name!r}?" for name, close in pairs if close), "")
    return f"{method.__name__} defines none of the hooks of a method{hint} ({', '.join(hooks)})"


def callbacks(config: dict[str, Any], folder: Path) -> "list[pl.Callback]":
    """The callbacks of a config by name; those that take a `dirpath` write inside this folder.

    Raises: ConfigError for values that a trusted class refuses.
    """
    from lepton.compat.lightning import MisconfigurationException

    built, refusals = [], (ValueError, TypeError, ImportError)
    for path, node in chosen_nodes(config, "callbacks").items():
        if "dirpath" in read_signature(node["_target_"]).parameters:
            node = node | {"dirpath": str(folder / (node.get("dirpath") or ""))}
        try:
            built.append(instantiate(node, "callbacks"))
        except (*refusals, InstantiationException, MisconfigurationException) as e:
            if package_of(node["_target_"]) is None:
                raise
            option = option_label(config, path)
            raise ConfigError(f"{path}: {option} refuses its values: {cause_text(e)}") from e
    return built
