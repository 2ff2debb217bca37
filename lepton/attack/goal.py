"""Goal: what an attack on a finished model raises, and when a row counts as broken."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from lepton.attack.losses import margins, merged_logits, targeted_margins
from lepton.method import Batch
from lepton.task.base import Task

CLASS_TASKS = ("binary", "multiclass", "multilabel")
TASKS = (*CLASS_TASKS, "regression")
TOWARDS = "towards"  # of a batch, the class that each row is driven to
Objective = Callable[[Task, Tensor, Batch], Tensor]  # of merged logits, a number a row


def cross_entropies(task: Task, logits: Tensor, batch: Batch) -> Tensor:
    """The cross-entropy of each row, whatever loss it was trained by; of a quantity the square."""
    target = batch["target"]
    if task.name == "multiclass":
        return F.cross_entropy(logits, target.long(), reduction="none")
    target = target.reshape(len(logits), -1).to(logits.dtype)
    if task.name == "regression":
        return (logits - target).square().sum(1)
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(1)


def margin(task: Task, logits: Tensor, batch: Batch) -> Tensor:
    """By how much each row is mistaken; of a quantity the square of its error."""
    if task.name == "regression":
        return cross_entropies(task, logits, batch)
    return margins(task, logits, batch["target"])


def targeted(task: Task, logits: Tensor, batch: Batch) -> Tensor:
    """How near each row is to the class that it is driven to; of two, to the other."""
    if task.name == "multiclass":
        return targeted_margins(logits, batch["target"], batch[TOWARDS])
    return margin(task, logits, batch)


@dataclass(frozen=True)
class Goal:
    """A finished model under attack. `forward` gives its logits, as of `task.forward`."""

    task: Task
    forward: Callable[[Batch], Tensor]
    objective: Objective

    def judge(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What is raised, and which rows are decided wrongly. Shapes: -> (B,), (B,) bool."""
        logits = merged_logits(self.task, self.forward(batch))
        return self.objective(self.task, logits, batch), mistaken(self.task, logits, batch)


def mistaken(task: Task, logits: Tensor, batch: Batch) -> Tensor:
    """True where another class is predicted, or any label wrongly; never for a quantity.

    Shapes: logits (B, outputs), merged -> (B,).
    """
    target = batch["target"]
    if task.name == "multiclass":
        return logits.argmax(1) != target
    if task.name == "regression":
        return torch.zeros(len(logits), dtype=torch.bool, device=logits.device)
    return ((logits > 0) != (target.reshape(len(logits), -1) > 0.5)).any(1)
