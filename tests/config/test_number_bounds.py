"""Every number of an option has the bounds within which it means something, or a reason why not."""

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.number_bounds import MIN_VALUES, OTHERS_BOUNDS
from lepton.config.options import CONF_DIR
from lepton.config.signature import Parameter, read_signature
from lepton.errors import ConfigError
from lepton.groups import GROUPS
from lepton.values.bounds import BOUNDS

UNBOUNDED = {
    "augmentation.low": "decibels, below 0 where noise is louder",
    "augmentation.high": "decibels, below 0 where noise is louder",
    "callbacks.save_top_k": "-1 keeps all checkpoints",
    "callbacks.every_n_epochs": "Lightning refuses what is below 0",
    "dataset.positive": "a class, which may be called -1",
    "dataset.test_values": "values of a column",
    "evaluation.costs": "the evaluator makes sure that they are a table of costs",
    "logger.version": "the name of a folder",
    "metric.top_k": "torchmetrics refuses what is below 1",
    "model.bias": "added to what may be anywhere",
    "model.hidden_size": "Transformers' own, which refuses what is no size",
    "model.num_hidden_layers": "Transformers' own, which refuses what is no size",
    "model.num_attention_heads": "Transformers' own, which refuses what is no size",
    "model.intermediate_size": "Transformers' own, which refuses what is no size",
    "model.max_position_embeddings": "Transformers' own, which refuses what is no size",
    "model.mean": "where values lie, which may be anywhere",
    "optimizer.beta2_decay": "a power, below 0, as torch makes sure",
    "task.calibration_bins": "the task makes sure that it is 1 at least",
    "task.normal": "a class, which may be called -1",
    "trainer.devices": "-1 means all devices",
    "trainer.precision": "16, 32 and 64 are names here",
}
NUMBERS = {"int", "float", "Literal", *BOUNDS}


def number_keys() -> dict[str, list[set[str]]]:
    """The words of the annotations of each `group.key` that is a number, by the options with it."""
    options = [
        (path.parent.name, yaml.safe_load(path.read_text()) or {})
        for path in sorted(CONF_DIR.rglob("*.yaml"))
        if path.parent.name in GROUPS
    ]
    parameters = {group: {} for group, _ in options}  # of all classes, which fragments are for
    for group, option in options:
        for node in nodes_in(option):
            if "_target_" in node:
                parameters[group] |= read_signature(node["_target_"]).parameters
    keys: dict[str, list[set[str]]] = {}
    for group, option in options:
        for node in nodes_in(option):
            own = read_signature(node["_target_"]).parameters if "_target_" in node else {}
            for key, value in node.items():
                words = words_of({**parameters[group], **own}.get(key))
                if is_number(value) or words & (NUMBERS - {"Literal"}):
                    keys.setdefault(f"{group}.{key}", []).append(words)
    return keys


def nodes_in(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields an option and all nodes in it, but what it suggests."""
    yield node
    for key, value in node.items():
        if isinstance(value, dict) and key != "suggested":
            yield from nodes_in(value)


def words_of(parameter: Parameter | None) -> set[str]:
    text = ast.unparse(parameter.annotation) if parameter and parameter.annotation else ""
    return {*re.findall(r"\w+", text)}


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@pytest.mark.slow
def test_every_number_has_bounds_or_a_reason():
    unbounded = set()
    for key, annotations in number_keys().items():
        said = [words for words in annotations if words & NUMBERS]  # a fragment's are its options'
        has_bounds = said and all(words & {"Literal", *BOUNDS} for words in said)
        if not has_bounds and key not in {*OTHERS_BOUNDS, *MIN_VALUES}:
            unbounded.add(key)
    assert sorted(unbounded) == sorted(UNBOUNDED)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "mistake"),
    [
        (["optimizer.betas=[0.9,1.0]"], "optimizer.betas: 1.0 is not float, from 0 to below 1"),
        (["optimizer.weight_decay=-1"], "optimizer.weight_decay: -1 is not float, 0 at least"),
        (["regularization=ema", "regularization.ema.decay=1"], "from 0 to below 1"),
        (["regularization=dropout", "regularization.dropout.rate=-1"], "from 0 to below 1"),
        (["dataset.fraction=2"], "dataset.fraction: 2 is not float, above 0, 1 at most"),
        (["dataset.test_size=-1"], "dataset.test_size: -1 is not float, from 0 to below 1"),
        (["scheduler=warmup_cosine", "scheduler.warmup=-1"], "scheduler.warmup: -1 is not"),
        (["preprocessing=robust", "preprocessing.upper=101"], "from 0 to 100"),
        (["trainer.checkpoint_every=-1"], "trainer.checkpoint_every: -1 is not"),
    ],
)
def test_a_number_that_means_nothing_is_a_line_of_the_check(words, mistake):
    with pytest.raises(ConfigError, match=mistake.replace("[", r"\[")):
        check(compose("dataset=wine", *words))
