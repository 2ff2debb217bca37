"""Objects from a checked config: the only caller of hydra.utils.instantiate."""

import inspect
from pathlib import Path
from typing import Any

import hydra.utils
from hydra.errors import InstantiationException

from lepton.compat.optional import how_to_install
from lepton.config.check import input_kind
from lepton.config.trust import TRUSTED_PREFIXES, find_targets, is_allowed
from lepton.errors import ConfigError, LeptonError
from lepton.pretrained import init_weights
from lepton.pretrained.location import TOKENIZER
from lepton.spec import DataSpec

LEARNED = "lepton.tokenizer.trained.Trained"  # whose vocabulary is the training split's own


def instantiate(node: dict[str, Any], **supplied) -> Any:
    """The object that a node's `_target_` makes of the node's values and what code supplies.

    Raises: ConfigError when a target, once imported, lies outside the trusted packages.
    """
    names = [name for _, name in find_targets(node)]
    for name in names:
        _trusted(name)
    options = {"_partial_": True, "_convert_": "all"}
    if "_execution_whitelist_" in inspect.signature(hydra.utils.instantiate).parameters:
        options["_execution_whitelist_"] = names
    return hydra.utils.instantiate(node, **options)(**supplied)


def import_target(node: dict[str, Any]) -> Any:
    """The class or function that a node names, without making anything of it."""
    return _trusted(node["_target_"])


def _trusted(name: str) -> Any:
    if not is_allowed(name):
        raise ConfigError(f"_target_: {name!r} is not in a trusted package")
    found = hydra.utils.get_object(name)
    real = f"{found.__module__}.{found.__qualname__}" if _plain(found) else name
    if not (_plain(found) and is_allowed(real)):
        raise ConfigError(f"_target_: {real!r} is not in a trusted package")
    return found


def component(cfg: dict[str, Any], group: str, **supplied) -> Any:
    """The model, optimizer or scheduler of a config.

    Raises: ConfigError for a value that a trusted target refuses; an error of the user's own
        code is left as it is.
    """
    try:
        return instantiate(cfg[group], **supplied)
    except (ValueError, TypeError, ArithmeticError, RuntimeError, InstantiationException) as e:
        if not cfg[group]["_target_"].startswith(TRUSTED_PREFIXES):
            raise
        option = f"{group}={cfg.get('choices', {}).get(group, '?')}"
        raise ConfigError(f"{group}: {option} refuses its values: {_last(e)}") from e


def _plain(found: Any) -> bool:
    """Whether it is a class or function written in Python, whose own name can be believed."""
    return inspect.isclass(found) or inspect.isfunction(found)


def data(cfg: dict[str, Any]):
    """The data module, read, split and preprocessed."""
    module = unread_data(cfg, **_inputs(cfg))
    module.setup()
    return module


def unread_data(cfg: dict[str, Any], **inputs):
    """The data module, which has read nothing yet; what makes inputs of its rows may be None."""
    trainer = cfg["trainer"] or {}
    return instantiate(
        cfg["dataset"],
        **inputs,
        batch_size=cfg["batch_size"],
        seed=cfg["seed"],
        limit_batches=trainer.get("limit_batches"),
        overfit_batches=trainer.get("overfit_batches") or 0,
    )


def _inputs(cfg: dict[str, Any]) -> dict[str, Any]:
    """What makes inputs of rows: for texts the model's tokenizer, where it has one."""
    if input_kind(cfg, "dataset") == "text":
        node = cfg["model"].get("tokenizer")
        return {"tokenizer": instantiate(_as_loaded(node, cfg["init_from"])) if node else None}
    return {"preprocessing": instantiate(cfg["preprocessing"], seed=cfg["dataset"]["split_seed"])}


def _as_loaded(node: dict[str, Any], init_from: str | None) -> dict[str, Any]:
    """A tokenizer whose tokens mean what they did to the weights that training starts from.

    Raises: ConfigError where weights come without the words that they were learned with.
    """
    if init_from is None or node["_target_"] != LEARNED:
        return node
    if not (Path(init_from) / TOKENIZER).is_file():
        if init_weights.is_run(Path(init_from)):
            raise ConfigError(
                f"init_from={init_from}: a run without {TOKENIZER}, so of a model that reads no "
                "tokens; give a run of one that does"
            )
        raise ConfigError(
            f"init_from={init_from}: has no {TOKENIZER}, and a vocabulary learned anew would give "
            "other numbers to words; give the folder of the run"
        )
    known = {"path": init_from, "max_length": node["max_length"]}
    return {"_target_": "lepton.tokenizer.pretrained.Pretrained", **known}


def task(cfg: dict[str, Any], spec: DataSpec):
    """Loss, prediction and monitored metric for what the data ask."""
    from lepton.task import task_for

    return task_for(spec, **cfg["task"])


def methods(cfg: dict[str, Any]) -> list:
    """The fine-tuning strategy, then the regularizers by name, in whichever order given."""
    strategy = [instantiate(cfg["finetune"])] if cfg["finetune"] else []
    return strategy + [
        instantiate(node) for _, node in sorted((cfg["regularization"] or {}).items())
    ]


def logger(cfg: dict[str, Any], folder) -> Any:
    """The tracker, or False when none was chosen.

    Raises: LeptonError that names what to install.
    """
    if not cfg["logger"]:
        return False
    try:
        return instantiate(cfg["logger"], save_dir=str(folder))
    except (ImportError, InstantiationException) as e:
        option = f"logger={cfg['choices']['logger']}"
        raise LeptonError(f"{option}: {_last(e)}; {how_to_install('track')}") from e


def _last(e: BaseException) -> str:
    return " ".join(str(e.__cause__ or e).split())
