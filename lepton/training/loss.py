"""The loss of a training batch: one function for a run alone and, under vmap, for a stack."""

from collections.abc import Sequence

from torch import Tensor, nn

from lepton.method import Batch, Method
from lepton.task import Task


def training_loss(model: nn.Module, task: Task, methods: Sequence[Method], batch: Batch) -> Tensor:
    """The task's loss on the batch as the methods change it, plus their penalties; a scalar."""
    batch = {**batch, "target": task.encode(task.truth(batch))}
    for method in methods:
        batch = method.on_batch(batch)
    loss = task.loss(task.forward(model, batch), batch["target"])
    for method in methods:
        loss = loss + method.penalty(model)
    return loss
