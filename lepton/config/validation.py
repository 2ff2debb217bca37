"""dataset.validation: whether the rows that choose epochs are a split of their own, or folds of the
training rows."""

from typing import Any

from lepton.config.chosen_options import option_label
from lepton.config.lineage import class_names, read_lineage
from lepton.config.model_kind import FITS_ITSELF, NETWORK, model_kind
from lepton.config.patience import name_of_stopper
from lepton.config.signature import class_constant

KEY = "dataset.validation"
INSIDE, OUTSIDE = "inside", "outside"
FEW_ROWS = 200  # to train and to choose by, below which a split of its own costs more than folds
PLATEAU = "torch.optim.lr_scheduler.ReduceLROnPlateau"
WHOLE_TRAININGS = {  # keys of the trainer that would leave folds unfinished, with the value "off"
    "limit_batches": None,
    "overfit_batches": 0,
    "max_time": None,
}


def is_inside(config: dict[str, Any]) -> bool:
    """True for a checked config whose run has no validation split, and validates by folds."""
    return (config.get("dataset") or {}).get("validation") == INSIDE


def with_validation(config: dict[str, Any]) -> dict[str, Any]:
    """The config that says which validation it has; epochs that folds choose need no patience, and
    few rows as many steps as a strategy suggests."""
    data = config.get("dataset") or {}
    if "validation" not in data:
        return config
    if data["validation"] is None:
        is_few = data.get("shots") is not None
        value = INSIDE if is_few and not _obstacles(config) else OUTSIDE
        config = {**config, "dataset": {**data, "validation": value}}
    if is_inside(config) and (trainer := config.get("trainer")) and "patience" in trainer:
        config = {**config, "trainer": {**trainer, "patience": None}}
    return _with_suggested_schedule(config) if is_inside(config) else config


def _with_suggested_schedule(config: dict[str, Any]) -> dict[str, Any]:
    """The config with the steps and epochs that a strategy suggests for few rows, where none are
    given."""
    suggested = config.get("suggested") or {}
    if config.get("min_steps_per_epoch") is None:
        config = {**config, "min_steps_per_epoch": suggested.get("min_steps_per_epoch")}
    trainer, epochs = config.get("trainer") or {}, suggested.get("epochs_inside")
    words = [str(word).lstrip("+") for word in config.get("overrides") or ()]
    is_given = any(word.startswith("trainer.max_epochs=") for word in words)
    if epochs is None or is_given or trainer.get("max_epochs") != suggested.get("max_epochs"):
        return config
    return {**config, "trainer": {**trainer, "max_epochs": epochs}}


def validation_problems(config: dict[str, Any]) -> list[str]:
    """A line for everything that does not go with a validation inside of the training rows."""
    if not is_inside(config):
        return []
    outside = f"; {KEY}=outside has a split of its own"
    return [f"{KEY}=inside: {obstacle}{outside}" for obstacle in _obstacles(config)]


def few_rows_advice(config: dict[str, Any], rows: dict[str, int]) -> str | None:
    """What is said of few rows, of which a validation split takes some; None where nothing is.

    `rows` of each split.
    """
    is_told = any(str(word).startswith(f"{KEY}=") for word in config.get("overrides") or ())
    if is_told or is_inside(config) or not 0 < rows["train"] + rows["val"] < FEW_ROWS:
        return None
    if "validation" not in config["dataset"] or _obstacles(config):
        return None
    return (
        f"data: {rows['val']} rows validate, and are not trained on; {KEY}=inside validates by "
        "folds, and trains on all"
    )


def _obstacles(config: dict[str, Any]) -> list[str]:
    data, trainer = config["dataset"], config.get("trainer") or {}
    kind, found = model_kind(config), []
    if data.get("split") == "time":
        found.append("folds of the training rows do not heed the order of dataset.split=time")
    if data.get("val_folds") is not None:
        found.append("dataset.val_folds divides rows that are not trained on")
    if data.get("shots") == 1:
        found.append("dataset.shots=1 leaves no second row of a class to divide")
    if _learns_no_target(config.get("task") or {}):
        label = option_label(config, "task")
        found.append(f"{label} learns no target, by which predictions of several networks compare")
    if kind is FITS_ITSELF and not _fits_whole(config["model"]):
        label = option_label(config, "model")
        found.append(f"{label} {kind.words}, and has no fit_whole, which learns from all rows")
    elif kind not in (NETWORK, FITS_ITSELF):
        found.append(f"{option_label(config, 'model')} {kind.words}")
    if kind is NETWORK and trainer.get("devices", 1) not in (1, "1"):
        found.append("folds take one device, trainer.devices=1")
    found += [
        f"trainer.{key} leaves the training of a fold unfinished"
        for key, off in WHOLE_TRAININGS.items()
        if trainer.get(key, off) != off
    ]
    if stopper := name_of_stopper({**config, "trainer": {**trainer, "patience": None}}):
        found.append(f"{stopper} would end the training of each fold at another epoch")
    if PLATEAU in class_names((config.get("scheduler") or {}).get("_target_")):
        label = option_label(config, "scheduler")
        found.append(f"{label} looks at validation on the way, where there is none")
    return found


def _learns_no_target(task: dict[str, Any]) -> bool:
    return "_target_" in task and class_constant(task["_target_"], "needs_target") == (
        "needs_target",
        False,
    )


def _fits_whole(model: dict[str, Any]) -> bool:
    return "fit_whole" in read_lineage(model["_target_"]).methods
