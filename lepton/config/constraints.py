"""What a config with the right keys and types can still get wrong."""

import math
from pathlib import Path
from typing import Any

from lepton.errors import did_you_mean
from lepton.metric.direction import LARGER_IS_BETTER
from lepton.pretrained.init_weights import missing
from lepton.pretrained.location import problem

MIN_VALUES = {  # smallest numbers that mean something
    "batch_size": 1,
    "trainer.max_epochs": 1,
    "trainer.accumulate_grad_batches": 1,
    "trainer.limit_batches": 1,
    "trainer.overfit_batches": 0,
    "trainer.threads": 1,
}
MAX_INTEGER = 2**63 - 1  # the integers of tables and of generators of random numbers
WHOLE_WEIGHT_TARGETS = (  # what looks at a weight as one tensor in every step
    "torch.optim.Adafactor",
    "lepton.optimizer.muon.Muon",
    "lepton.finetune.l2sp.L2SP",
    "lepton.finetune.prompt.Prompt",
    "lepton.regularization.l1.L1",
)
GRADUAL_UNFREEZE = "lepton.finetune.gradual_unfreeze.GradualUnfreeze"
KIND_PLURALS = {"table": "a table", "text": "texts"}


def constraint_problems(plain: dict[str, Any], *, alone: bool, kinds: tuple[str, str]) -> list[str]:
    """A line for every part that is not there, number too small, or option in another's way.

    `alone`: the model fits itself, so that nothing meant for networks matters. `kinds`: what the
    data set holds and what the model reads.
    """
    needed = ["dataset", "model", *(() if alone else ("optimizer", "trainer"))]
    if kinds[0] == "table":
        needed.insert(1, "preprocessing")
    problems = [
        f"{group}: needed to train; choose one with {group}=NAME"
        for group in needed
        if not plain.get(group)
    ]
    problems += (
        _too_small(plain) + _beyond(plain) + _monitor(plain) + _finetuning(plain, alone=alone)
    )
    if plain["dataset"] and plain["model"]:
        problems += _other_kind(plain, *kinds)
    if alone:
        return problems
    problems += _devices(plain)
    schedule_free = (plain["optimizer"] or {}).get("_target_", "").startswith("schedulefree.")
    if schedule_free and plain["scheduler"]:
        problems.append(
            "optimizer, scheduler: a schedule-free optimizer takes the place of a schedule; "
            "use scheduler=none or another optimizer"
        )
    if schedule_free and "ema" in (plain["regularization"] or {}):
        problems.append(
            "optimizer, regularization: a schedule-free optimizer averages the weights itself; "
            "leave out ema or use another optimizer"
        )
    return problems


def _devices(plain: dict[str, Any]) -> list[str]:
    """A line for every option that does not go with how several devices share the work."""
    if not (trainer := plain["trainer"]):
        return []
    strategy, rule = str(trainer["strategy"]), plain["optimizer"] or {}
    methods = [rule, plain["finetune"] or {}, *(plain["regularization"] or {}).values()]
    targets = [(part or {}).get("_target_") for part in methods]
    if {"spawn", "fork", "notebook"} & set(strategy.split("_")):
        return [f"trainer.strategy: {strategy} copies this process; lepton starts others, with ddp"]
    copies = strategy.startswith("ddp") or (strategy == "auto" and _several(trainer["devices"]))
    if copies and "find_unused" not in strategy and GRADUAL_UNFREEZE in targets:
        unused = "trainer.strategy=ddp_find_unused_parameters_true"
        return [f"trainer.strategy: finetune=gradual_unfreeze leaves weights out; {unused}"]
    if strategy != "fsdp":
        return []
    problems = [
        f"trainer.strategy: fsdp gives each device a share of the weights, and "
        f"{target.rpartition('.')[2]} needs them whole; take another, or trainer=ddp"
        for target in targets
        if target in WHOLE_WEIGHT_TARGETS
    ]
    if rule.get("_target_") == "torch.optim.SGD" and rule.get("fused"):
        problems.append(
            "optimizer.fused: fsdp has no fused SGD for shares of weights; optimizer.fused=false"
        )
    if str(precision := trainer["precision"]) in ("64-true", "64", "16-mixed", "16"):
        known = "32-true, bf16-mixed, bf16-true, 16-true or auto"
        problems.append(f"trainer.precision: fsdp cannot train in {precision}; {known}")
    return problems


def _several(devices: int | str | list[int]) -> bool:
    return devices not in (1, "1") and not (isinstance(devices, list) and len(devices) == 1)


def _other_kind(plain: dict[str, Any], held: str, read: str) -> list[str]:
    """A line for a model that cannot read what the data set holds."""
    if held == read:
        return []
    names = {group: plain["choices"].get(group, "?") for group in ("dataset", "model")}
    return [
        f"dataset, model: dataset={names['dataset']} holds {KIND_PLURALS.get(held, held)}, and "
        f"model={names['model']} reads {KIND_PLURALS.get(read, read)}; `lepton list model` says "
        "what each model reads"
    ]


def _too_small(plain: dict[str, Any]) -> list[str]:
    """A line for every number below what it can mean."""
    problems = []
    for key, least in MIN_VALUES.items():
        group, _, name = key.rpartition(".")
        value = ((plain[group] or {}) if group else plain).get(name)
        if value is not None and value < least:
            problems.append(f"{key}: {value!r} is too small; {least} at least")
    return problems


def _beyond(node: Any, path: str = "") -> list[str]:
    """A line for every number that is none, or that no table of results could hold."""
    if isinstance(node, float) and not math.isfinite(node):
        return [f"{path}: {node} is no finite number"]
    if isinstance(node, int) and abs(node) > MAX_INTEGER:
        return [f"{path}: {node} does not fit 64 bits; {MAX_INTEGER} at most"]
    if not isinstance(node, dict | list):
        return []
    items = node.items() if isinstance(node, dict) else enumerate(node)
    return [line for key, part in items for line in _beyond(part, f"{path}.{key}".lstrip("."))]


def _monitor(plain: dict[str, Any]) -> list[str]:
    """A line for a metric that no task has."""
    name = plain["task"]["monitor"]
    if name is None or name in LARGER_IS_BETTER:
        return []
    return [f"task.monitor: no metric {name!r}{did_you_mean(name, LARGER_IS_BETTER)}"]


def _finetuning(plain: dict[str, Any], *, alone: bool) -> list[str]:
    """A line for every key of fine-tuning that would do nothing."""
    given, problems = plain["init_from"], []
    if alone and (plain["finetune"] or given):
        chosen = (plain.get("choices") or {}).get("model")
        problems.append(f"finetune, init_from: model={chosen} fits itself; nothing to start from")
    elif given and not plain["finetune"]:
        problems.append("init_from: finetune=none trains from scratch; choose finetune=full")
    if plain["forgetting"] and not given:
        problems.append("forgetting: needs init_from=RUN, whose task may be forgotten")
    return problems


def missing_files(plain: dict[str, Any]) -> list[str]:
    """A line for every data file, pretrained model, and weights to start from, not there."""
    model = plain.get("model") or {}
    given = plain["init_from"]
    wrong = None if given is None else missing(given)
    lines = [wrong] * bool(wrong) + [
        f"dataset.{key}: {_no_file(Path(path))}"
        for key, path in data_files(plain).items()
        if not Path(path).is_file()
    ]
    if isinstance(path := model.get("path"), str):
        wrong = problem(path, weights=bool(model.get("pretrained")))
        lines += [f"model.path: {path!r}: {wrong}"] if wrong else []
    return lines


def data_files(plain: dict[str, Any]) -> dict[str, str]:
    """The files a data set reads: its keys `path` and `*_path`."""
    dataset = plain.get("dataset") or {}
    return {
        key: value
        for key, value in dataset.items()
        if value is not None and (key == "path" or key.endswith("_path"))
    }


def data_folders(plain: dict[str, Any]) -> dict[str, str]:
    """The folder a data set reads: its key `name`, where that is one."""
    name = (plain.get("dataset") or {}).get("name")
    return {"name": name} if isinstance(name, str) and Path(name).expanduser().is_dir() else {}


def _no_file(path: Path) -> str:
    if path.is_dir():
        return f"{str(path)!r} is a folder, not a file"
    return f"no such file {str(path)!r} (looked in {Path.cwd()})"
