"""Builds objects from a checked config: the only caller of hydra.utils.instantiate."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import hydra.utils
from hydra.errors import InstantiationException

from lepton.compat.optional import how_to_install
from lepton.config.check import input_kind
from lepton.config.trust import TRUSTED_PREFIXES, find_targets, is_allowed
from lepton.errors import ConfigError, LeptonError
from lepton.groups import method_nodes
from lepton.pretrained.location import TOKENIZER_FILE
from lepton.pretrained.weight_files import is_network_run
from lepton.spec import DataSpec

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger

    from lepton.dataset.data import Data
    from lepton.method import Method
    from lepton.task import Task

TRAINED_TOKENIZER = "lepton.tokenizer.trained.Trained"  # its vocabulary is of the training split


def instantiate(node: dict[str, Any], **supplied: Any) -> Any:
    """The object that a node's `_target_` makes of the node's values and what code supplies.

    Raises: ConfigError when a target, once imported, lies outside the trusted packages.
    """
    names = [name for _, name in find_targets(node)]
    for name in names:
        _import_trusted(name)
    options = {"_partial_": True, "_convert_": "all"}
    if "_execution_whitelist_" in inspect.signature(hydra.utils.instantiate).parameters:
        options["_execution_whitelist_"] = names
    return hydra.utils.instantiate(node, **options)(**supplied)


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
    module = unread_data(config, **_input_makers(config))
    module.setup()
    return module


def unread_data(config: dict[str, Any], **input_makers: Any) -> "Data":
    """The data module before it reads anything; its preprocessing or tokenizer may be None."""
    trainer = config["trainer"] or {}
    module = instantiate(
        config["dataset"],
        **input_makers,
        batch_size=config["batch_size"],
        seed=config["seed"],
        limit_batches=trainer.get("limit_batches"),
        overfit_batches=trainer.get("overfit_batches") or 0,
    )
    if "_target_" in config["task"]:
        module.read_target = import_target(config["task"]).read_target
    return module


def _input_makers(config: dict[str, Any]) -> dict[str, Any]:
    """The preprocessing of a table, or for texts the model's tokenizer, where it has one."""
    if input_kind(config, "dataset") == "text":
        node = config["model"].get("tokenizer")
        return {"tokenizer": instantiate(_same_tokens(node, config["init_from"])) if node else None}
    seed = config["dataset"]["split_seed"]
    return {"preprocessing": instantiate(config["preprocessing"], seed=seed)}


def _same_tokens(node: dict[str, Any], init_from: str | None) -> dict[str, Any]:
    """A tokenizer's node whose tokens mean what they did to the weights that training starts from.

    Raises: ConfigError where weights come without the words that they were learned with.
    """
    if init_from is None or node["_target_"] != TRAINED_TOKENIZER:
        return node
    if not (Path(init_from) / TOKENIZER_FILE).is_file():
        if is_network_run(Path(init_from)):
            raise ConfigError(
                f"init_from={init_from}: a run without {TOKENIZER_FILE}, so of a model that reads "
                "no tokens; give a run of one that does"
            )
        raise ConfigError(
            f"init_from={init_from}: has no {TOKENIZER_FILE}, and a vocabulary learned anew would "
            "give other numbers to words; give the folder of the run"
        )
    return {
        "_target_": "lepton.tokenizer.pretrained.Pretrained",
        "path": init_from,
        "max_length": node["max_length"],
    }


def task(config: dict[str, Any], spec: DataSpec) -> "Task":
    """The loss, prediction and monitored metric for what the data ask."""
    from lepton.task import task_for

    node = config["task"]
    return component(config, "task", spec=spec) if "_target_" in node else task_for(spec, **node)


def methods(config: dict[str, Any]) -> "list[Method]":
    """The methods of a config, by group and name, in whichever order given."""
    built = {path: instantiate(node) for path, node in method_nodes(config)}
    for path, method in built.items():
        method.stream_name = path
    return list(built.values())


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
