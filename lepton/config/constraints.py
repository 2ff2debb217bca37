"""Checks values of a config whose keys and types are right: ranges, files, keys that conflict."""

from pathlib import Path
from typing import Any

from lepton.config.callback_checks import callback_problems
from lepton.config.chosen_options import option_label
from lepton.config.class_facts import class_fact
from lepton.config.evaluation_checks import evaluation_problems
from lepton.config.inner_options import inner_keys, inner_nodes
from lepton.config.input_changes import input_change_problems
from lepton.config.input_kinds import (
    describe_kinds,
    encoder_problems,
    kinds_in_use,
    models_that_read,
    provided_kinds,
    read_kinds,
    use_problems,
    used_kinds,
    without_idle_encoders,
)
from lepton.config.method_nodes import method_nodes
from lepton.config.model_kind import NETWORK, ModelKind, module_problems
from lepton.config.named_runs import mixed_row_problems
from lepton.config.number_bounds import senseless_numbers, unstorable_numbers
from lepton.config.patience import name_of_stopper
from lepton.config.row_weights import row_weight_problems
from lepton.config.signature import TargetError, class_constant, takes_key
from lepton.config.task_checks import task_problems
from lepton.config.tracker_checks import tracker_problems
from lepton.config.trainer_extra import extra_problems
from lepton.config.upper_bounds import largest_number_problems
from lepton.groups import GROUPS, TRAINING_GROUPS
from lepton.pretrained.init_from import init_from_problem
from lepton.pretrained.location import loading_problem


def constraint_problems(config: dict[str, Any], *, model_kind: ModelKind) -> list[str]:
    """A line for every group that is missing, number out of range, or option in another's way."""
    problems = [
        *_missing_groups(config, model_kind=model_kind),
        *number_problems(config),
        *task_problems(config),
        *row_weight_problems(config, model_kind),
        *_finetuning_problems(config, model_kind),
        *callback_problems(config, model_kind),
        *extra_problems(config, model_kind),
        *tracker_problems(config),
        *evaluation_problems(config, model_kind),
    ]
    if config["dataset"] and config["model"]:
        problems += _unread_kinds(config) + module_problems(config) + encoder_problems(config)
    if model_kind is NETWORK:
        problems += _device_problems(config) + _schedule_free_problems(config)
        if config["dataset"] and config["model"]:
            problems += input_change_problems(config)
        problems += _method_problems(config)
        problems += _early_end_problems(config)
    return problems


def number_problems(config: dict[str, Any]) -> list[str]:
    """A line for every number that is out of range, or that no table could hold."""
    return [
        *senseless_numbers(config),
        *unstorable_numbers(config),
        *largest_number_problems(config),
    ]


def _missing_groups(config: dict[str, Any], *, model_kind: ModelKind) -> list[str]:
    """A line for every group that training needs and of which nothing was chosen."""
    kinds = used_kinds(config) if config["model"] else provided_kinds(config)
    of_kinds = {group for kind in kinds for group in kind.groups}
    needed = [
        name
        for name, group in TRAINING_GROUPS.items()
        if group.needed
        and (name in of_kinds or not group.by_kind)
        and name not in model_kind.unheeded
    ]
    return [
        f"{name}: needed to train; choose one with {name}=NAME"
        for name in needed
        if not config.get(name)
    ]


def _schedule_free_problems(config: dict[str, Any]) -> list[str]:
    """A line for every option that does what a schedule-free optimizer does itself."""
    if not class_fact(config["optimizer"] or {}, "is_schedule_free"):
        return []
    problems = []
    if config["scheduler"]:
        problems.append(
            "optimizer, scheduler: a schedule-free optimizer takes the place of a schedule; "
            "use scheduler=none or another optimizer"
        )
    for path, node in method_nodes(config):
        if class_fact(node, "averages_weights"):
            group, _, option = path.partition(".")
            problems.append(
                f"optimizer, {group}: a schedule-free optimizer averages the weights itself; "
                f"leave out {option or option_label(config, path)} or use another optimizer"
            )
    return problems


def _method_problems(config: dict[str, Any]) -> list[str]:
    """A line where two methods would each have the weights, or the gradient, for themselves, and
    for one that needs weights to begin from."""
    perturbing, averaging = [], []
    for path, node in method_nodes(config):
        if class_fact(node, "perturbs_weights"):
            perturbing.append(path)
        if class_fact(node, "averages_weights"):
            averaging.append(path)
    problems = [
        f"{path}, finetune: there are no loaded weights to be drawn back to; choose finetune=full "
        "and init_from=RUN_OR_WEIGHTS, or leave it out"
        for path, node in method_nodes(config)
        if class_fact(node, "needs_start") and not config["finetune"]
    ]
    problems += mixed_row_problems(config)
    return problems + [
        f"{', '.join(paths)}: each {does}; choose one of them"
        for paths, does in (
            (perturbing, "takes the gradient at weights of its own"),
            (averaging, "averages the weights"),
        )
        if len(paths) > 1
    ]


def _early_end_problems(config: dict[str, Any]) -> list[str]:
    """A line for every method that acts in the last epochs, which training might not come to."""
    if not (stopper := name_of_stopper(config)):
        return []
    return [
        f"{path}, {stopper}: training may end before the epochs in which it "
        "acts; leave out one of them (trainer.patience=null)"
        for path, node in method_nodes(config)
        if class_fact(node, "needs_last_epochs")
    ]


def _device_problems(config: dict[str, Any]) -> list[str]:
    """A line for every option that does not go with how several devices share the work."""
    if not (trainer := config["trainer"]):
        return []
    strategy, optimizer = str(trainer["strategy"]), config["optimizer"] or {}
    if {"spawn", "fork", "notebook"} & set(strategy.split("_")):
        return [f"trainer.strategy: {strategy} copies this process; lepton starts others, with ddp"]
    uses_ddp = strategy.startswith("ddp") or (
        strategy == "auto" and _are_several(trainer["devices"])
    )
    if uses_ddp and "find_unused" not in strategy:
        unused = "trainer.strategy=ddp_find_unused_parameters_true"
        return [
            f"trainer.strategy: {option_label(config, path)} leaves weights out; {unused}"
            for path, node in method_nodes(config)
            if class_fact(node, "leaves_weights_unused")
        ]
    if strategy != "fsdp":
        return []
    nodes = [optimizer, *(node for _, node in method_nodes(config))]
    problems = [
        f"trainer.strategy: fsdp gives each device a share of the weights, and "
        f"{node['_target_'].rpartition('.')[2]} needs them whole; take another, or trainer=ddp"
        for node in nodes
        if class_fact(node, "needs_whole_weights")
    ]
    problems += [
        f"optimizer.{flag}: fsdp has no {flag} {optimizer['_target_'].rpartition('.')[2]} for "
        f"shares of weights; optimizer.{flag}=false"
        for flag in class_fact(optimizer, "whole_weight_flags") or ()
        if optimizer.get(flag)
    ]
    if str(precision := trainer["precision"]) in ("64-true", "64", "16-mixed", "16"):
        possible = "32-true, bf16-mixed, bf16-true, 16-true or auto"
        problems.append(f"trainer.precision: fsdp cannot train in {precision}; {possible}")
    return problems


def _are_several(devices: int | str | list[int]) -> bool:
    return devices not in (1, "1") and not (isinstance(devices, list) and len(devices) == 1)


def _unread_kinds(config: dict[str, Any]) -> list[str]:
    """A line for a model that reads what the data set does not hold."""
    if lines := use_problems(config):
        return lines
    held, read = kinds_in_use(config), read_kinds(config)
    is_enough = any if inner_keys(config["model"]) else all
    if read and is_enough(kind in held for kind in read):
        return []
    dataset, model = (config["choices"].get(group, "?") for group in ("dataset", "model"))
    names = models_that_read(held[0]) if len(held) == 1 else []
    advice = f"write model={' or model='.join(names)}; " if names else ""
    return [
        f"dataset, model: dataset={dataset} holds {describe_kinds(held)}, and model={model} reads "
        f"{describe_kinds(read)}; {advice}`lepton list model` says what each model reads"
    ]


def _finetuning_problems(config: dict[str, Any], model_kind: ModelKind) -> list[str]:
    """A line for every key of fine-tuning that would do nothing."""
    init_from, problems = config["init_from"], []
    if "finetune" in model_kind.unheeded and (config["finetune"] or init_from):
        model = (config.get("choices") or {}).get("model")
        reason = f"model={model} {model_kind.words}; nothing to start from"
        problems.append(f"finetune, init_from: {reason}")
    elif init_from and not config["finetune"]:
        problems.append("init_from: finetune=none trains from scratch; choose finetune=full")
    if config["forgetting"] and not init_from:
        problems.append("forgetting: needs init_from=RUN, whose task may be forgotten")
    strengths, iterations = (config["linear_probe"][key] for key in ("strengths", "iterations"))
    if not strengths or not all(0 < strength < float("inf") for strength in strengths):
        problems.append(f"linear_probe.strengths: {strengths}: one at least, all above 0")
    if iterations < 1:
        problems.append(f"linear_probe.iterations: {iterations} is too small; 1 at least")
    return problems


def missing_files(config: dict[str, Any]) -> list[str]:
    """A line for every data file, pretrained model, or weights to start from that is not there."""
    init_from, problems = config["init_from"], []
    if init_from is not None and (reason := init_from_problem(init_from)):
        problems.append(reason)
    folder_keys = _folder_keys(config)
    problems += [
        f"dataset.{key}: {_no_file(Path(path), may_be_folder=key in folder_keys)}"
        for key, path in _paths(config).items()
        if not (Path(path).is_file() or (key in folder_keys and Path(path).is_dir()))
    ]
    for key, node in _model_nodes(config).items():
        if isinstance(path := node.get("path"), str):
            reason = loading_problem(path, weights=bool(node.get("pretrained")))
            problems += [f"{key}.path: {path!r}: {reason}"] if reason else []
    return problems


def _model_nodes(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The nodes of the model and of the networks inside of it, by their paths."""
    model = without_idle_encoders(config).get("model") or {}
    nodes = {f"model.{key}.{name}": node for key, name, node in inner_nodes(model)}
    nodes = {"model": model, **nodes}
    parts = {
        f"{path}.{key}": node[key]
        for path, node in nodes.items()
        for key in GROUPS["model"].made_inside
        if isinstance(node.get(key), dict)
    }
    return {**nodes, **parts}


def data_files(config: dict[str, Any]) -> dict[str, str]:
    """The files a data set reads: its keys `path` and `*_path`, where they are not folders."""
    folders = data_folders(config)
    return {key: path for key, path in _paths(config).items() if key not in folders}


def data_folders(config: dict[str, Any]) -> dict[str, str]:
    """The folders a data set reads: the `name` that its class takes, and the keys that this names
    in `folder_keys`, where they are some."""
    dataset, keys = config.get("dataset") or {}, _folder_keys(config)
    keys = ("name", *keys) if takes_key(dataset.get("_target_"), "name") else keys
    paths = {key: dataset[key] for key in keys if isinstance(dataset.get(key), str)}
    return {key: path for key, path in paths.items() if Path(path).expanduser().is_dir()}


def _paths(config: dict[str, Any]) -> dict[str, str]:
    """The keys `path` and `*_path` of a data set that are set."""
    return {
        key: value
        for key, value in (config.get("dataset") or {}).items()
        if value is not None and (key == "path" or key.endswith("_path"))
    }


def _folder_keys(config: dict[str, Any]) -> tuple[str, ...]:
    """The keys of a data set that may name a folder, as its class says in `folder_keys`."""
    target = (config.get("dataset") or {}).get("_target_")
    try:
        constant = class_constant(target, "folder_keys") if target else None
    except TargetError:  # which the check of the target tells
        return ()
    return tuple(constant[1]) if constant else ()


def _no_file(path: Path, *, may_be_folder: bool) -> str:
    if path.is_dir():
        return f"{str(path)!r} is a folder, not a file"
    noun = "file or folder" if may_be_folder else "file"
    return f"no such {noun} {str(path)!r} (looked in {Path.cwd()})"
