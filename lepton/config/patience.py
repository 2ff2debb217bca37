"""trainer.patience: the method that acts on it, and where it can end no training."""

from collections.abc import Mapping
from typing import Any

from lepton.config.chosen_options import chosen_nodes
from lepton.config.lineage import class_names

EARLY_STOPPING = "lepton.regularization.early_stopping.EarlyStopping"
STOPPERS = {EARLY_STOPPING, "pytorch_lightning.callbacks.early_stopping.EarlyStopping"}


def nodes_of_patience(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The path and the node of the method that acts on the trainer's patience, also on null, so
    that runs with and without it can share a stack; none where another was chosen."""
    trainer = config.get("trainer")
    if not trainer or _chosen_stopper(config):
        return {}
    values = {"patience": trainer.get("patience"), "min_delta": 0.0}
    return {"regularization.patience": {"_target_": EARLY_STOPPING, **values}}


def without_idle_patience(config: dict[str, Any]) -> dict[str, Any]:
    """The config with null for the trainer's patience where that ends no training.

    So it is where a method or callback of early stopping was chosen, and within few epochs.
    """
    trainer = config.get("trainer") or {}
    patience, epochs = trainer.get("patience"), trainer.get("max_epochs")
    if not (isinstance(patience, int) and isinstance(epochs, int)):
        return config
    if patience < epochs and not _chosen_stopper(config):
        return config
    return {**config, "trainer": {**trainer, "patience": None}}


def name_of_stopper(config: Mapping[str, Any]) -> str | None:
    """The key that ends training where validation does not improve; None where it goes on."""
    if chosen := _chosen_stopper(config):
        return chosen
    return "trainer.patience" if (config.get("trainer") or {}).get("patience") else None


def _chosen_stopper(config: Mapping[str, Any]) -> str | None:
    """The path of a method or callback of early stopping, which replaces the trainer's patience."""
    nodes = chosen_nodes(config, "regularization") | chosen_nodes(config, "callbacks")
    return next(
        (p for p, n in nodes.items() if not STOPPERS.isdisjoint(class_names(n.get("_target_")))),
        None,
    )
