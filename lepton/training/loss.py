"""The loss of a training batch: one function for a run alone and, under vmap, for a stack."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.method import Batch, Method, draws_numbers, overrides, requested
from lepton.randomness.draw import Draw
from lepton.task import Task


def training_loss(
    model: nn.Module,
    task: Task,
    methods: Sequence[Method],
    batch: Batch,
    draws: Sequence[Draw] = (),
    progress: Tensor | None = None,
) -> Tensor:
    """The task's loss on the batch as the methods change it, plus their penalties; a scalar.

    `draws`: one for each of the methods that draw, in their order. `progress`: the share of the
    training that is over; None where it begins. Shapes: ().
    """
    return loss_and_normalizer(model, task, methods, batch, draws, progress)[0]


def loss_and_normalizer(
    model: nn.Module,
    task: Task,
    methods: Sequence[Method],
    batch: Batch,
    draws: Sequence[Draw] = (),
    progress: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    """The training loss, and what it is a mean over where that is not the rows: see `Task`."""
    progress = torch.zeros(()) if progress is None else progress
    is_weighted, by_method = "weight" in batch, _draws_by_method(methods, draws)
    batch = batch_to_learn(model, task, methods, batch, draws, progress)
    weight = {"weight": batch["weight"]} if is_weighted else {}
    logits = task.forward(model, batch)
    batch = batch | {"target": _as_wide_as(logits, batch["target"])}
    loss = task.loss_of(logits, batch)
    for method, draw in zip(methods, by_method, strict=True):
        if overrides(type(method), "loss"):
            extras = {"logits": logits, "draw": draw, "progress": progress}
            extras = requested(type(method).loss, **extras)
            loss = method.loss(model, task, batch, loss, **extras)
            if not isinstance(loss, Tensor) or loss.ndim:
                raise _wrong_result(method, "loss", loss, "the loss of the batch, one number")
    for method in methods:
        penalty = method.penalty(model)
        if not isinstance(penalty, Tensor | float | int) or _dimensions(penalty):
            raise _wrong_result(method, "penalty", penalty, "one number")
        loss = loss + penalty
    return loss, task.normalizer(batch["target"], **weight)


def batch_to_learn(
    model: nn.Module,
    task: Task,
    methods: Sequence[Method],
    batch: Batch,
    draws: Sequence[Draw],
    progress: Tensor,
) -> Batch:
    """The batch with its target encoded, as all methods change it."""
    given, batch = batch, {**batch, "target": task.encode(task.truth(batch))}
    for method, draw in zip(methods, _draws_by_method(methods, draws), strict=True):
        extras = {"draw": draw, "model": model, "task": task, "progress": progress}
        batch = method.on_batch(batch, **requested(type(method).on_batch, **extras))
        if not isinstance(batch, dict):
            raise _wrong_result(method, "on_batch", batch, "the batch to learn from, a dict")
        if "weight" in given and "weight" not in batch:
            wanted = "one with weight too, as dataset.weight gives it"
            raise _wrong_result(method, "on_batch", batch, wanted)
    return batch


def _draws_by_method(methods: Sequence[Method], draws: Sequence[Draw]) -> list[Draw | None]:
    """What each method draws from; None for one that draws nothing."""
    remaining = iter(draws)
    return [next(remaining) if draws_numbers(type(m)) else None for m in methods]


def _dimensions(value: Tensor | float) -> int:
    return value.ndim if isinstance(value, Tensor) else 0


def _wrong_result(method: Method, hook: str, result: Any, wanted: str) -> ConfigError:
    """The error for a hook that gave something else than what is wanted."""
    given = type(result).__name__
    if isinstance(result, Tensor):
        given = f"a tensor of shape {tuple(result.shape)}"
    where = method.stream_name or type(method).__name__
    return ConfigError(f"{where}: {type(method).__name__}.{hook} gave {given}; it returns {wanted}")


def _as_wide_as(logits: Tensor, target: Tensor) -> Tensor:
    """A target that came in 64 bits, now that it is encoded, in the float type of the logits."""
    if target.dtype != torch.float64 or not isinstance(logits, Tensor):
        return target
    return target.to(torch.promote_types(logits.dtype, torch.float32))


def stream_names(methods: Sequence[Method]) -> list[str]:
    """The names of the streams of those methods that draw: by them, equal seeds are told apart."""
    names = [m.stream_name or type(m).__name__ for m in methods if draws_numbers(type(m))]
    return [
        f"{name} {earlier + 1}" if (earlier := names[:number].count(name)) else name
        for number, name in enumerate(names)
    ]
