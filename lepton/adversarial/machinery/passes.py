"""Passes beside that of training: without a trace in the model, in which mode, and their slopes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.func import grad

from lepton.attack.rows import Change
from lepton.method import Batch, output_apart
from lepton.model.evaluation_mode import evaluation_mode
from lepton.task import Task

Mode = Literal["train", "eval"]


@contextmanager
def in_mode(model: nn.Module, mode: Mode) -> Iterator[None]:
    """Lets the network compute as in training, or as later: without dropout, with the running
    statistics of normalizations."""
    with evaluation_mode(model) if mode == "eval" else nullcontext():
        yield


def slope(of_change: Callable[[Change], Tensor], change: Change) -> Change:
    """The gradient of a scalar at a change; weights get none of it. Shapes: as the change."""
    with torch.no_grad():
        return grad(of_change)(change)


def logits_apart(model: nn.Module, task: Task, batch: Batch) -> Tensor:
    """The logits as the task asks the model for them, without a trace in it."""
    return task.forward(cast("nn.Module", lambda batch: output_apart(model, batch)), batch)
