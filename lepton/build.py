"""Builds objects from a checked config: the only caller of hydra.utils.instantiate."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import hydra.utils
from hydra.errors import InstantiationException

from lepton.compat.optional import how_to_install
from lepton.config.input_kinds import provided_kinds, used_kinds
from lepton.config.signature import read_signature
from lepton.config.trust import TRUSTED_PREFIXES, find_targets, is_allowed
from lepton.errors import ConfigError, LeptonError
from lepton.groups import METHOD_CLASS, chosen_nodes, method_nodes, option_label, own_groups
from lepton.spec import DataSpec

if TYPE_CHECKING:
    from functools import partial

    from pytorch_lightning.loggers import Logger

    from lepton.compat.lightning import pl
    from lepton.dataset.data import Data
    from lepton.method import Method
    from lepton.task import Task


def instantiate(node: dict[str, Any], **supplied: Any) -> Any:
    """The object that a node's `_target_` makes of the node's values and what code supplies.

    Raises: ConfigError when a target, once imported, lies outside the trusted packages.
    """
    return unfinished(node)(**supplied)


def unfinished(node: dict[str, Any]) -> "partial[Any]":
    """A node's `_target_` with the node's values, to be called with what code supplies.

    Raises: as `instantiate`.
    """
    names = [name for _, name in find_targets(node)]
    for name in names:
        _import_trusted(name)
    options = {"_partial_": True, "_convert_": "all"}
    if "_execution_whitelist_" in inspect.signature(hydra.utils.instantiate).parameters:
        options["_execution_whitelist_"] = names
    return hydra.utils.instantiate(node, **options)


def import_target(node: dict[str, Any]) -> Any:
    """The class or function that a node names, without making anything of it."""
    return _import_trusted(node["_target_"])


def _import_trusted(name: str) -> Any:
    """The class or function of this name, which must be trusted by its own name as well."""
    if not is_allowed(name):
        raise ConfigError(f"_target_: {name!r} is not in a trusted package")
    target = hydra.utils.get_object(name)
    has_own_name = inspect.isclass(target) or inspect.isfunction(target)
    own_name = f"{target.__module__}.{target.__qualname__}" if has_own_name else name
    if not (has_own_name and is_allowed(own_name)):
        raise ConfigError(f"_target_: {own_name!r} is not in a trusted package")
    return target


def component(config: dict[str, Any], group: str, **supplied: Any) -> Any:
    """The model, optimizer or scheduler of a config.

    Raises: ConfigError for a value that a trusted target refuses; an error of the user's own
        code is left as it is.
    """
    try:
        return instantiate(config[group], **supplied)
    except (ValueError, TypeError, ArithmeticError, RuntimeError, InstantiationException) as e:
        if not config[group]["_target_"].startswith(TRUSTED_PREFIXES):
            raise
        option = f"{group}={config.get('choices', {}).get(group, '?')}"
        raise ConfigError(f"{group}: {option} refuses its values: {_cause(e)}") from e


def data(config: dict[str, Any]) -> "Data":
    """The data module, read, split and preprocessed."""
    module = unread_data(config)
    module.setup()
    return module


def unread_data(config: dict[str, Any], *, for_model: bool = True) -> "Data":
    """The data module before it reads anything.

    Without a model to prepare for, as to look at raw rows, it gets nothing that makes inputs.
    """
    from lepton.dataset.inputs.find import input_kind

    supplied, unread, used = {}, [], used_kinds(config) if for_model else []
    for facts in provided_kinds(config):
        if facts not in used:
            unread.append(facts.name)
            supplied |= dict.fromkeys(facts.supplies)
            continue
        for name, node in input_kind(facts.target).parts(config).items():
            supplied[name] = instantiate(node) if node else None
    trainer = config["trainer"] or {}
    module = instantiate(
        config["dataset"],
        **supplied,
        batch_size=config["batch_size"],
        seed=config["seed"],
        limit_batches=trainer.get("limit_batches"),
        overfit_batches=trainer.get("overfit_batches") or 0,
    )
    if "_target_" in config["task"]:
        module.read_target = import_target(config["task"]).read_target
    if for_model and unread:
        module.leave_unread(unread)
    return module


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
        loss = LossOption(option_label(config, path), unfinished(node))
    metrics = [
        MetricOption(
            path.rpartition(".")[2],
            option_label(config, path),
            unfinished({key: v for key, v in node.items() if key != "larger_is_better"}),
            node.get("larger_is_better"),
        )
        for path, node in chosen_nodes(config, "metric").items()
    ]
    return {"loss": loss, "added_metrics": metrics}


def methods(config: dict[str, Any]) -> "list[Method]":
    """The methods of a config, by group and name, in whichever order given."""
    from lepton.method import Method

    own = own_groups(config)
    built = {path: instantiate(node) for path, node in method_nodes(config)}
    for path, method in built.items():
        if path.partition(".")[0] in own and not isinstance(method, Method):
            raise ConfigError(f"{path}: {type(method).__name__} is no method of {METHOD_CLASS}")
        method.stream_name = path
    return list(built.values())


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
            built.append(instantiate(node))
        except (*refusals, InstantiationException, MisconfigurationException) as e:
            if not node["_target_"].startswith(TRUSTED_PREFIXES):
                raise
            option = option_label(config, path)
            raise ConfigError(f"{path}: {option} refuses its values: {_cause(e)}") from e
    return built


def logger(config: dict[str, Any], folder: Path) -> "Logger | Literal[False]":
    """The tracker, or False when none was chosen.

    Raises: LeptonError that names what to install.
    """
    if not config["logger"]:
        return False
    try:
        return instantiate(config["logger"], save_dir=str(folder))
    except (ImportError, InstantiationException) as e:
        option = f"logger={config['choices']['logger']}"
        raise LeptonError(f"{option}: {_cause(e)}; {how_to_install('track')}") from e


def _cause(error: BaseException) -> str:
    """The message of what an error was raised from, in one line."""
    return " ".join(str(error.__cause__ or error).split())
