"""The smallest and largest numbers that mean something, where no annotation says them."""

import math
from typing import Any

from lepton.groups import package_of
from lepton.values.bounds import BOUNDS

MIN_VALUES = {  # smallest numbers that mean something
    "batch_size": 1,
    "min_steps_per_epoch": 1,
    "trainer.max_epochs": 1,
    "trainer.accumulate_grad_batches": 1,
    "trainer.limit_batches": 1,
    "trainer.overfit_batches": 0,
    "trainer.threads": 1,
}
OTHERS_BOUNDS = {  # of values that other packages take without a word, and then learn nothing
    "optimizer.lr": "Above0",
    "optimizer.betas": "From0Below1",
    "optimizer.eps": "NotBelow0",
    "optimizer.weight_decay": "NotBelow0",
    "optimizer.momentum": "From0Below1",
    "optimizer.momentum_decay": "NotBelow0",
    "optimizer.alpha": "From0Below1",
    "optimizer.d": "Above0",
    "optimizer.warmup_steps": "AtLeast0",
    "optimizer.r": "NotBelow0",
    "optimizer.weight_lr_power": "NotBelow0",
    "scheduler.step_size": "AtLeast1",
    "scheduler.gamma": "Above0",
    "scheduler.factor": "Between0And1",
    "scheduler.patience": "AtLeast0",
    "scheduler.pct_start": "Between0And1",
    "scheduler.max_lr": "Above0",
    "scheduler.div_factor": "Above0",
    "scheduler.final_div_factor": "Above0",
    "scheduler.threshold": "NotBelow0",
    "scheduler.cooldown": "AtLeast0",
    "scheduler.min_lr": "NotBelow0",
}
MAX_INTEGER = 2**63 - 1  # the integers of tables and of generators of random numbers
MAY_BE_UNSTORABLE = (float, int, dict, list)


def senseless_numbers(config: dict[str, Any]) -> list[str]:
    """A line for every number outside of what it can mean."""
    problems = []
    for key, minimum in MIN_VALUES.items():
        group, _, name = key.rpartition(".")
        value = ((config[group] or {}) if group else config).get(name)
        if value is not None and value < minimum:
            problems.append(f"{key}: {value!r} is too small; {minimum} at least")
    for key, bounds in OTHERS_BOUNDS.items():
        group, _, name = key.partition(".")
        node = config[group] or {}
        if name not in node or package_of(str(node.get("_target_"))) is None:
            continue
        values = node[name] if isinstance(node[name], list) else [node[name]]
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        finite = filter(math.isfinite, numbers)  # of others another line says it
        problems += [
            f"{key}: {value!r} is not {BOUNDS[bounds].words}"
            for value in finite
            if not BOUNDS[bounds].holds(value)
        ]
    return problems


def unstorable_numbers(node: Any, path: str = "") -> list[str]:
    """A line for every number that is not finite, or that no table of results could hold."""
    if isinstance(node, float) and not math.isfinite(node):
        return [f"{path}: {node} is no finite number"]
    if isinstance(node, int) and abs(node) > MAX_INTEGER:
        return [f"{path}: {node} does not fit 64 bits; {MAX_INTEGER} at most"]
    if not isinstance(node, dict | list):
        return []
    items = node.items() if isinstance(node, dict) else enumerate(node)
    return [
        line
        for key, value in items
        if isinstance(value, MAY_BE_UNSTORABLE)
        for line in unstorable_numbers(value, f"{path}.{key}".lstrip("."))
    ]
