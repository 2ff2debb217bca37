"""Revisions of an option that touch some of its runs alone, by what their config says."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lepton.config.renamed_layers import had_other_layers
from lepton.config.validation import is_inside, with_validation
from lepton.groups import GROUPS
from lepton.pretrained.weight_files import is_network_run, weight_files

Config = Mapping[str, Any]


def _value(config: Config, group: str, key: str) -> Any:
    return (config.get(group) or {}).get(key)


def _monitors_ece(config: Config) -> bool:
    return _value(config, "task", "monitor") == "ece"


def _weighs_several_batches(config: Config) -> bool:
    """True where class weights meet several batches or processes a step."""
    trainer = config.get("trainer") or {}
    several = trainer.get("accumulate_grad_batches", 1) != 1 or trainer.get("devices", 1) != 1
    return several and _value(config, "task", "class_weights") is not None


def _weighs_rows(config: Config) -> bool:
    heeded = _value(config, "dataset", "weighted_metrics") is not False
    return heeded and _value(config, "dataset", "weight") is not None


def _starts_learned(config: Config) -> bool:
    """True where weights are loaded with their head, or a head is trained before the rest."""
    return _is_probed(config) or config.get("init_from") is not None


def _is_probed(config: Config) -> bool:
    return _value(config, "finetune", "probe_epochs") is not None


def _starts_from_run(config: Config) -> bool:
    """True where training starts from a run, or the run of a study, and not from plain weights."""
    if not isinstance(init_from := config.get("init_from"), str):
        return False
    path = Path(init_from)
    return is_network_run(path) or not weight_files(path)


def _validates_inside(config: Config) -> bool:
    return is_inside(with_validation({**config}))


def _keeps_probe(config: Config) -> bool:
    is_best = _value(config, "finetune", "start") == "probe"
    return is_best and _is_probed(config) and _validates_inside(config)


TOUCHES: dict[str, Callable[[Config], bool]] = {  # by the sentence in REVISIONS of lepton.groups
    "1 counts in the last bin of ece": _monitors_ece,
    "batches of a step count by their class weights": _weighs_several_batches,
    "metrics count rows by dataset.weight": _weighs_rows,
    "a block is a layer, with what follows it; all before the blocks is one": had_other_layers,
    "a start that has learned may stay the best": _starts_learned,
    "inside, the best linear head is not probed on": _keeps_probe,
    "all folds are predicted with one strength": _validates_inside,
    "columns of the run that training starts from keep its preprocessing": _starts_from_run,
}


def touches(change: str, config: Config) -> bool:
    """True where a change of REVISIONS is about runs of this config: all, where nothing is said."""
    if change not in TOUCHES:
        return True
    nodes = [node for name, node in config.items() if name in GROUPS]
    is_whole = all(node is None or isinstance(node, Mapping) for node in nodes)
    return is_whole and TOUCHES[change](config)  # others are refused in a line
