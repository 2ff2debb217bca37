"""StackValidation: what the members' tasks keep of the validation split in one epoch."""

from typing import Any

import torch
from torch import Tensor

from lepton.method import Batch
from lepton.task.base import Task


class StackValidation:
    """The states of all members' validation, as their task makes them of each one's predictions."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.batches: list[Any] = []

    def add(self, prediction: Tensor, batch: Batch) -> None:
        """Takes the predictions of a batch. Shapes: prediction (K, B, ...), batch (B, ...)."""
        if self.task.streamed:
            self.batches.append([self.task.validate(member, batch) for member in prediction])
        else:
            weight = [batch["weight"]] if "weight" in batch else []
            self.batches.append((prediction, self.task.truth(batch), *weight))

    def states(self) -> list[list[Any]]:
        """The states of each member; there are none after that."""
        batches, self.batches = self.batches, []
        if self.task.streamed:
            return [list(states) for states in zip(*batches, strict=True)]
        predictions, *others = zip(*batches, strict=True)
        shared = [torch.cat(parts).cpu() for parts in others]
        return [[(member, *shared)] for member in torch.cat(predictions, 1).cpu()]
