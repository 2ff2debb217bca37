"""The loss of a training batch: the same function for a run alone and, under vmap, for a stack."""

from collections.abc import Sequence

from torch import Tensor, nn

from lepton.method import Batch, Method
from lepton.task import Task


def objective(model: nn.Module, task: Task, methods: Sequence[Method], batch: Batch) -> Tensor:
    """Task loss of what the methods make of the batch, plus their penalties; a scalar."""
    batch = {**batch, "target": task.encode(batch["target"])}
    for method in methods:
        batch = method.on_batch(batch)
    loss = task.loss(model(batch), batch["target"])
    for method in methods:
        loss = loss + method.penalty(model)
    return loss
