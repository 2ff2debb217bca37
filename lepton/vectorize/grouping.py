"""Groups the jobs of a sweep that may share a stack, and says why the others may not."""

import ast
import json
from collections.abc import Sequence
from typing import Any

from lepton import build
from lepton.config.chosen_options import chosen_nodes, option_label, own_groups
from lepton.config.identity import canonical_config
from lepton.config.method_nodes import method_nodes
from lepton.config.model_kind import NETWORK, model_kind
from lepton.config.signature import read_signature
from lepton.config.validation import is_inside
from lepton.groups import METHOD_GROUPS
from lepton.method import UNBATCHED_HOOKS, Method, overrides
from lepton.storage.run_folder import CHECKPOINT_FOLDER, unfinished_folder
from lepton.storage.stack_records import is_stacked
from lepton.sweep.job import Job
from lepton.trainer.default import resolve_precision
from lepton.training.checkpoint import Checkpoints
from lepton.values.bounds import FLOATS
from lepton.vectorize.optimizer import STACKED_OPTIMIZERS

STACKED_BY_TARGET = {
    f"{optimizer.__module__}.{optimizer.__qualname__}": stacked
    for optimizer, stacked in STACKED_OPTIMIZERS.items()
}
OPTIMIZER_FLAGS = ("amsgrad", "maximize", "differentiable", "decoupled_weight_decay")
STACKABLE_PRECISIONS = ("32-true", "64-true", 32, 64, "32", "64")
SINGLE_RUN_SETTINGS = {  # of the trainer: keys that concern one run, each with the value "off"
    "max_time": None,
    "overfit_batches": 0,
    "detect_anomaly": False,
    "profiler": None,
}


def group_jobs(jobs: Sequence[Job]) -> tuple[list[list[Job]], list[tuple[Job, str]]]:
    """Groups of jobs that differ in stackable keys alone; and the jobs that cannot be stacked,
    each with the reason."""
    groups: dict[str, list[Job]] = {}
    unstacked = []
    for job in jobs:
        reason = _training_in_progress(job) or obstacle_to_stacking(job.config)
        if reason:
            unstacked.append((job, reason))
        else:
            groups.setdefault(shared_settings(job.config), []).append(job)
    for key, members in list(groups.items()):
        job = members[0]
        if len(members) == 1 and not (stack_checkpoint(job) or is_stacked(job.folder)):
            unstacked.append((job, "no other run differs from it in stackable keys alone"))
            del groups[key]
    return list(groups.values()), unstacked


def _training_in_progress(job: Job) -> str | None:
    """The reason why a job trained alone must go on alone; None where it has no checkpoint."""
    folder = unfinished_folder(job.folder)
    if not (folder / CHECKPOINT_FOLDER).is_dir():
        return None
    state = Checkpoints.of_run(folder, job.config, trained="alone").peek()
    return None if state is None else "a checkpoint is there to go on from"


def stack_checkpoint(job: Job) -> dict[str, Any] | None:
    """The checkpoint of a run that was part of a stack."""
    folder = unfinished_folder(job.folder)
    if not folder.is_dir():
        return None
    return Checkpoints.of_run(folder, job.config, trained="stack").peek()


def obstacle_to_stacking(config: dict[str, Any]) -> str | None:
    """The reason why a run cannot be part of any stack, in words; None where it can."""
    choices = config["choices"]
    if (kind := model_kind(config)) is not NETWORK:
        return f"model={choices.get('model')} {kind.words}"
    if is_inside(config):
        return "dataset.validation=inside trains several folds of each run"
    optimizer = config["optimizer"]
    stacked = STACKED_BY_TARGET.get(read_signature(optimizer["_target_"]).origin)
    if stacked is None:
        return f"optimizer={choices.get('optimizer')} has no stacked form"
    for flag in OPTIMIZER_FLAGS:
        if optimizer.get(flag) and flag not in stacked.shared_flags:
            return f"optimizer.{flag}=true has no stacked form"
    for path, node in method_nodes(config):
        method = build.import_target(node, path.partition(".")[0])
        if overrides(method, "further_rows"):
            return f"{option_label(config, path)} gives each run training rows of its own"
        if overrides(method, "phases"):
            return f"{option_label(config, path)} trains in phases of its own"
        if method.alone or not has_stacked_form(method):
            return f"{option_label(config, path)} {method.alone or 'has no stacked form'}"
    for path in chosen_nodes(config, "callbacks"):
        return f"{option_label(config, path)} is called by the trainer of one run"
    trainer = config["trainer"]
    for key, off in SINGLE_RUN_SETTINGS.items():
        if trainer.get(key) != off:
            return f"trainer.{key} is about one run"
    task = config["task"]
    weighs = task.get("class_weights") or "_target_" in task or config["dataset"].get("weight")
    if trainer["accumulate_grad_batches"] > 1 and weighs:
        return "trainer.accumulate_grad_batches may weigh the batches of each run in its own way"
    if trainer.get("extra"):
        return f"trainer.extra ({', '.join(trainer['extra'])}) is about the trainer of one run"
    if (precision := resolve_precision(trainer)) not in STACKABLE_PRECISIONS:
        return f"trainer.precision={precision} is neither 32 nor 64 bits"
    if trainer["devices"] != 1 or trainer["strategy"] != "auto":
        return "several devices already share it"
    return None


def has_stacked_form(method: type[Method]) -> bool:
    """True when a method says what it does to a stack, or has no hooks that vmap cannot call."""
    return method.stacked.__func__ is not Method.stacked.__func__ or not any(
        overrides(method, hook) for hook in UNBATCHED_HOOKS
    )


def shared_settings(config: dict[str, Any]) -> str:
    """All settings of a run that its stack must share, as text; those left out are each member's.

    Models are compared again once they are built: numbers of theirs are left out here, and may
    differ where they change nothing but dropout.
    """
    shared = canonical_config(config)
    for key in ("seed", "scheduler", *METHOD_GROUPS, *own_groups(config)):
        shared.pop(key, None)
    shared["optimizer"] = {
        key: value for key, value in shared["optimizer"].items() if not _may_differ(key, value)
    }
    own_keys = {"max_epochs", "patience", "threads", "precision"}
    shared["trainer"] = _without(shared["trainer"], own_keys)
    shared["trainer"]["precision"] = str(resolve_precision(config["trainer"]))[:2]
    weighted = config["task"].get("class_weights") is not None
    shared["task"] = {**shared["task"], "monitor": None, "class_weights": weighted}
    for path, node in chosen_nodes(config, "loss").items():
        stackable = getattr(build.import_target(node, "loss"), "stackable", ())
        shared["loss"] = [path, _without(node, stackable)]
    shared.pop("metric", None)
    shared["model"] = _without(shared["model"], _float_parameters(config["model"]["_target_"]))
    shared["methods"] = [
        (path, _without(node, build.import_target(node, path.partition(".")[0]).stackable))
        for path, node in method_nodes(config)
    ]
    return json.dumps(shared, sort_keys=True, default=str)


def _without(node: dict[str, Any], keys: Sequence[str] | set[str]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key not in keys}


def _may_differ(key: str, value: Any) -> bool:
    """True for an optimizer's numbers, and for flags of its kernel that change no result."""
    if isinstance(value, list):
        return all(_may_differ(key, item) for item in value)
    return key in ("fused", "foreach") or (
        isinstance(value, int | float) and not isinstance(value, bool)
    )


def _float_parameters(target: str) -> set[str]:
    """The parameters of a target that are annotated as `float`, with bounds or without."""
    return {
        name
        for name, parameter in read_signature(target).parameters.items()
        if parameter.annotation is not None and ast.unparse(parameter.annotation) in FLOATS
    }
