"""Which runs of a sweep may share a stack, and why the others may not."""

import ast
import json
from collections.abc import Sequence
from typing import Any

from lepton import build
from lepton.config.check import fits_itself
from lepton.config.identity import canonical_config
from lepton.config.signature import read_signature
from lepton.method import UNBATCHED_HOOKS, Method
from lepton.storage.run_folder import CHECKPOINT_FOLDER, unfinished_folder
from lepton.sweep.job import Job
from lepton.trainer.default import resolve_precision
from lepton.training.checkpoint import Checkpoints
from lepton.vectorize.optimizer import STACKED_OPTIMIZERS

STACKED_BY_TARGET = {
    f"{kind.__module__}.{kind.__qualname__}": rule for kind, rule in STACKED_OPTIMIZERS.items()
}
EXACT_PRECISIONS = ("32-true", "64-true", 32, 64, "32", "64")
SINGLE_RUN_SETTINGS = {  # of the trainer: keys that concern one run, each with the value "off"
    "max_time": None,
    "overfit_batches": 0,
    "detect_anomaly": False,
    "profiler": None,
}


def group_jobs(jobs: Sequence[Job]) -> tuple[list[list[Job]], list[tuple[Job, str]]]:
    """Jobs that differ in stackable keys alone; and those that stay alone, with the reason."""
    together: dict[str, list[Job]] = {}
    alone = []
    for job in jobs:
        reason = _begun(job) or obstacle_to_stacking(job.config)
        if reason:
            alone.append((job, reason))
        else:
            together.setdefault(shared_settings(job.config), []).append(job)
    for key, members in list(together.items()):
        if len(members) == 1 and not stack_checkpoint(members[0]):
            alone.append((members[0], "no other run differs from it in stackable keys alone"))
            del together[key]
    return list(together.values()), alone


def _begun(job: Job) -> str | None:
    if not (unfinished_folder(job.folder) / CHECKPOINT_FOLDER).is_dir():
        return None
    mine = Checkpoints.of_run(unfinished_folder(job.folder), job.config, trained="alone")
    return None if mine.peek() is None else "a checkpoint is there to go on from"


def stack_checkpoint(job: Job) -> dict[str, Any] | None:
    """The checkpoint of a run that was part of a stack."""
    part = unfinished_folder(job.folder)
    return Checkpoints.of_run(part, job.config, trained="stack").peek() if part.is_dir() else None


def obstacle_to_stacking(plain: dict[str, Any]) -> str | None:
    """Why a run cannot be part of any stack, in a sentence; None where it can."""
    chosen = plain["choices"]
    if fits_itself(plain):
        return f"model={chosen.get('model')} fits itself"
    optimizer = plain["optimizer"]
    if read_signature(optimizer["_target_"]).origin not in STACKED_BY_TARGET:
        return f"optimizer={chosen.get('optimizer')} has no stacked form"
    for flag in ("amsgrad", "maximize", "differentiable", "decoupled_weight_decay"):
        rule = STACKED_BY_TARGET[read_signature(optimizer["_target_"]).origin]
        if optimizer.get(flag) and flag not in rule.flags:
            return f"optimizer.{flag}=true has no stacked form"
    for name, node in (plain["regularization"] or {}).items():
        if not _stacks(build.import_target(node)):
            return f"regularization={name} has no stacked form"
    strategy = build.import_target(plain["finetune"]) if plain["finetune"] else Method
    if strategy.alone or not _stacks(strategy):
        return f"finetune={chosen.get('finetune')} {strategy.alone or 'has no stacked form'}"
    trainer = plain["trainer"]
    for key, off in SINGLE_RUN_SETTINGS.items():
        if trainer.get(key) != off:
            return f"trainer.{key} is about one run"
    if (bits := resolve_precision(trainer)) not in EXACT_PRECISIONS:
        return f"trainer.precision={bits} is neither 32 nor 64 bits"
    if trainer["devices"] != 1 or trainer["strategy"] != "auto":
        return "several devices already share it"
    return None


def _stacks(method: type[Method]) -> bool:
    """Whether a method says what it does to a stack, or has nothing to say."""
    return method.stacked.__func__ is not Method.stacked.__func__ or not any(
        getattr(method, hook) is not getattr(Method, hook) for hook in UNBATCHED_HOOKS
    )


def shared_settings(plain: dict[str, Any]) -> str:
    """All of a run that its stack must share, as text; dropped is what a member has of its own.

    Models are compared again once they are built: a number of theirs may differ where it changes
    nothing but dropout.
    """
    kept = canonical_config(plain)
    for key in ("seed", "scheduler"):
        kept.pop(key)
    kept["optimizer"] = {k: v for k, v in kept["optimizer"].items() if not _numbers(k, v)}
    own = ("max_epochs", "threads", "precision")
    kept["trainer"] = {k: v for k, v in kept["trainer"].items() if k not in own}
    kept["trainer"]["precision"] = str(resolve_precision(plain["trainer"]))[:2]
    kept["task"] = {"class_weights": plain["task"]["class_weights"] is None}
    floats = _floats(plain["model"]["_target_"])
    kept["model"] = {k: v for k, v in kept["model"].items() if k not in floats}
    if kept.get("finetune"):
        own = build.import_target(kept["finetune"]).stackable
        kept["finetune"] = {k: v for k, v in kept["finetune"].items() if k not in own}
    kept["regularization"] = {
        name: {k: v for k, v in node.items() if k not in build.import_target(node).stackable}
        for name, node in (kept["regularization"] or {}).items()
    }
    return json.dumps(kept, sort_keys=True, default=str)


def _numbers(key: str, value: Any) -> bool:
    """Whether it is a hyperparameter, or a kernel's flag that changes no result."""
    if isinstance(value, list):
        return all(_numbers(key, item) for item in value)
    return key in ("fused", "foreach") or (
        isinstance(value, int | float) and not isinstance(value, bool)
    )


def _floats(target: str) -> set[str]:
    parameters = read_signature(target).parameters
    return {
        name
        for name, parameter in parameters.items()
        if parameter.annotation is not None and ast.unparse(parameter.annotation) == "float"
    }
