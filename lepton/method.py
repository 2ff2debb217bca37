"""Method: the hooks through which an idea changes training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lepton.compat.lightning import pl
from lepton.spec import DataSpec

Batch = dict[str, Tensor]
UNBATCHED_HOOKS = (
    "before_step",
    "after_step",
    "callbacks",
    "groups",
    "on_epoch",
)  # unknown to vmap


class Method:
    """A regularizer, an augmentation or a fine-tuning strategy; every hook may be left out.

    `stackable` names the attributes, called as in YAML, that may differ between the members of a
    stack; there `on_batch` and `penalty` run under vmap, with tensors for these attributes.
    What it remembers from step to step belongs into the `state_dict` of one of its callbacks: only
    then does a killed run go on exactly.
    """

    stackable: tuple[str, ...] = ()
    alone: str | None = None  # why a run with this method cannot share a stack, where that is so

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        """The model to train: changed in place, wrapped, or as it was.

        Raises: ConfigError when the method makes no sense for this model or task.
        """
        return model

    def groups(self, model: nn.Module, groups: list[dict]) -> list[dict]:
        """The optimizer's parameter groups; `lr_scale` of one multiplies its learning rate."""
        return groups

    def on_epoch(self, model: nn.Module, epoch: int) -> None:
        """Called before the training of an epoch, also of one that is gone on with."""

    def on_batch(self, batch: Batch) -> Batch:
        """The training batch to learn from; `target` is already encoded by the task."""
        return batch

    def penalty(self, model: nn.Module) -> Tensor | float:
        """A term added to the training loss."""
        return 0.0

    def before_step(self, model: nn.Module, optimizer: Optimizer) -> None:
        """Called when the gradients of a step are there."""

    def after_step(self, model: nn.Module, optimizer: Optimizer) -> None:
        """Called when the parameters have moved."""

    def callbacks(self) -> Sequence[pl.Callback]:
        """Lightning callbacks for what happens once an epoch."""
        return ()

    @classmethod
    def stacked(cls, members: Sequence["Method"]) -> "StackedMethod | None":
        """What the hooks around a step do to a whole stack; None where they have no such form."""
        own = any(getattr(cls, hook) is not getattr(Method, hook) for hook in UNBATCHED_HOOKS)
        return None if own else StackedMethod(members)


class StackState:
    """Something of a stack whose tensors have the members first and change in training.

    By its `tensors` members can be let go, saved and put back.
    """

    def tensors(self) -> dict[str, Tensor]:
        """Shapes: each (K, ...)."""
        return {}

    def put(self, tensors: dict[str, Tensor]) -> None:
        """Goes on with these in place of its own, of as many members as they have."""

    def keep(self, rows: Tensor) -> None:
        """Goes on with these members alone."""
        self.put({name: tensor[rows] for name, tensor in self.tensors().items()})


class StackedMethod(StackState):
    """One method of all members of a stack; every hook may be left out.

    What changes in training belongs into its `tensors`, unless the scores tell it again.
    `stack` has `weights`, with lists of `values` and `grads` (members, n), each `decayed` or not,
    and the members' hyperparameters `hyper`.
    """

    def __init__(self, members: Sequence[Method]):
        self.members = list(members)

    def column(self, name: str, like: Tensor) -> Tensor:
        """An attribute of the members. Shapes: -> (members, 1)."""
        values = [getattr(member, name) for member in self.members]
        return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None]

    def before_step(self, stack) -> None:
        """Called when the gradients of a step are there."""

    def after_step(self, stack) -> None:
        """Called when the parameters have moved."""

    def weights(self, stack) -> list[Tensor] | None:
        """The parameters to validate and keep, where they are not the trained ones."""

    def stops(self, scores: Sequence[float]) -> list[bool]:
        """Which members end after an epoch with these validation scores; told all of them again
        where a stack goes on from a checkpoint."""
        return [False] * len(scores)

    def keep(self, rows: Tensor) -> None:
        super().keep(rows)
        self.members = [self.members[row] for row in rows.tolist()]


@dataclass
class Phase:
    """One phase of a training: what is trained, on which data, with which values in the config."""

    module: nn.Module
    data: Any
    cfg: dict[str, Any]
    name: str = ""  # of its checkpoints, where another phase follows
