"""Checks of what a run learns and is scored by: the groups task, loss and metric together."""

from typing import Any

import yaml

from lepton.config.chosen_options import chosen_nodes, option_label
from lepton.config.class_facts import class_fact
from lepton.config.options import find_options
from lepton.config.signature import class_constant
from lepton.errors import did_you_mean
from lepton.metric.direction import LARGER_IS_BETTER, is_of_test


def task_problems(config: dict[str, Any]) -> list[str]:
    """A line for every mistake in these groups that is seen without the data."""
    return [
        *_monitor_problems(config),
        *_name_problems(config),
        *_pairing_problems(config),
        *_model_problems(config),
    ]


def _monitor_problems(config: dict[str, Any]) -> list[str]:
    """A line for a metric that no task has; what code of its own adds is not known yet."""
    name, known = config["task"].get("monitor"), [*LARGER_IS_BETTER, *(config["metric"] or {})]
    if name is None or name in known:
        return []
    if is_of_test(name):
        why = "what is chosen on the test split has no honest test score"
        return [f"task.monitor: {name}: {why}; it watches the validation split"]
    if "_target_" in config["task"] or config["loss"]:
        return []
    if name in find_options()["metric"]:
        return [f"task.monitor: {name} is not among the metrics of the run; metric={name} adds it"]
    return [f"task.monitor: no metric {name!r}{did_you_mean(name, known)}"]


def _name_problems(config: dict[str, Any]) -> list[str]:
    """A line for an added metric with the name of one that is there."""
    return [
        f"metric.{name}: lepton has a metric of this name; give yours another"
        for name in config["metric"] or {}
        if name in LARGER_IS_BETTER
    ]


def _pairing_problems(config: dict[str, Any]) -> list[str]:
    """A line for each loss and metric that says it is not for the task that the config names."""
    task = (config["dataset"] or {}).get("task")
    nodes = chosen_nodes(config, "loss") | chosen_nodes(config, "metric")
    possible = {path: class_constant(node["_target_"], "possible") for path, node in nodes.items()}
    return [
        f"{option_label(config, path)}: is for {', '.join(said[1])}; dataset.task is {task}"
        for path, said in possible.items()
        if task and said and said[1] and task not in said[1]
    ]


def _model_problems(config: dict[str, Any]) -> list[str]:
    """A line where the task and the model say that they are not for each other."""
    task, model = config["task"], config["model"]
    if not model or "_target_" not in model:
        return []
    name = class_fact(task, "name") if "_target_" in task else None
    models_own = class_fact(model, "tasks")
    if models_own and name not in models_own:
        wanted = " or ".join(f"task={own}" for own in models_own)
        return [f"{option_label(config, 'model')}: is for {wanted} alone"]
    is_own = class_fact(task, "trains_networks") is False or class_fact(task, "needs_pairs")
    if name and not models_own and is_own:
        fitting = " or ".join(f"model={option}" for option in _models_for(name))
        return [f"{option_label(config, 'task')}: is for {fitting} alone"]
    return []


def _models_for(task: str) -> list[str]:
    """The options whose class says that it is for this task."""
    nodes = {
        name: yaml.safe_load(path.read_text()) for name, path in find_options()["model"].items()
    }
    return [
        name
        for name, node in nodes.items()
        if isinstance(node, dict) and task in (class_fact(node, "tasks") or ())
    ]
