"""How a model comes to its weights, and which groups of a config it therefore does not heed."""

import re
from dataclasses import dataclass
from typing import Any

from lepton.config.lineage import read_lineage
from lepton.groups import MODULE_GROUPS, NETWORK_GROUPS


@dataclass(frozen=True)
class ModelKind:
    """One of the ways in which models are trained; `words` continue "model=NAME ..."."""

    words: str
    unheeded: tuple[str, ...]  # groups
    beyond: str = ""  # what these still do


NETWORK = ModelKind("is trained by lepton", ())
FITS_ITSELF = ModelKind("fits itself", NETWORK_GROUPS)
LIGHTNING_MODULE = ModelKind(
    "is a LightningModule, trained as it was written",
    tuple(name for name in NETWORK_GROUPS if name not in MODULE_GROUPS),
    " beyond what they suggest to the trainer",
)


def model_kind(config: dict[str, Any]) -> ModelKind:
    """The kind of a config's model, by the source of its class."""
    target = (config["model"] or {}).get("_target_")
    if target is None:
        return NETWORK
    lineage = read_lineage(target)
    if lineage.is_lightning_module:
        return LIGHTNING_MODULE
    return FITS_ITSELF if "fit" in lineage.methods else NETWORK


def fits_itself(config: dict[str, Any]) -> bool:
    """True when the model has a `fit` of its own, so that it heeds no group of training."""
    return model_kind(config) is FITS_ITSELF


def given_groups(config: dict[str, Any]) -> set[str]:
    """The groups and root keys of which the words of the command say something."""
    words = map(str, config.get("overrides") or ())
    return {re.split("[=./@]", word.lstrip("+~"))[0] for word in words}


def module_problems(config: dict[str, Any]) -> list[str]:
    """A line for all that keeps a LightningModule from being trained as it was written."""
    lineage = read_lineage(config["model"]["_target_"])
    model = f"model={config['choices'].get('model', '?')}"
    if lineage.is_of_other_lightning:
        return [
            f"model: {model} is derived from the package `lightning`, whose modules "
            "pytorch_lightning cannot train; import pytorch_lightning as L"
        ]
    if not lineage.is_lightning_module:
        return []
    problems = []
    if "predict_step" not in lineage.methods:
        problems.append(
            f"model: {model} is a LightningModule without predict_step(self, batch, batch_idx), "
            "by which lepton scores it; return what the task predicts: probabilities, or values "
            "in the target's unit"
        )
    if config["task"].get("class_weights") is not None:
        problems.append(f"task.class_weights: {model} has a loss of its own; null is right")
    if (config["trainer"] or {}).get("strategy") == "fsdp":
        problems.append(
            f"trainer.strategy: fsdp divides lepton's own networks; {model} "
            f"{LIGHTNING_MODULE.words}; take trainer=ddp or trainer.strategy=auto"
        )
    return problems
