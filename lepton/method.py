"""The base class of methods: hooks through which an idea changes training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lepton.compat.lightning import pl
from lepton.spec import DataSpec

if TYPE_CHECKING:
    from lepton.vectorize.stack import Stack

Batch = dict[str, Tensor]
# hooks that do not run under vmap, so that a stack needs another form of them
UNBATCHED_HOOKS = ("before_step", "after_step", "callbacks", "groups", "on_epoch")


class Method:
    """A regularizer, an augmentation or a fine-tuning strategy; every hook may be left out.

    `stackable` names the attributes, called as in YAML, that may differ between the members of a
    stack; there `on_batch` and `penalty` run under vmap, with tensors for these attributes.
    What it remembers from step to step belongs into the `state_dict` of one of its callbacks: only
    then does a killed run go on exactly.
    """

    stackable: tuple[str, ...] = ()
    alone: str | None = None  # why a run with this method cannot share a stack, where that is so
    probes = False  # a strategy of fine-tuning that trains the head alone; it has `standardize`

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        """The model to train: changed in place, wrapped, or as it was.

        Raises: ConfigError when the method makes no sense for this model or task.
        """
        return model

    def groups(self, model: nn.Module, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The optimizer's parameter groups; `lr_scale` of one multiplies its learning rate."""
        return groups

    def on_epoch(self, model: nn.Module, epoch: int) -> None:
        """Is called before the training of an epoch, also of one that is gone on with."""

    def on_batch(self, batch: Batch) -> Batch:
        """The training batch to learn from; `target` is already encoded by the task."""
        return batch

    def penalty(self, model: nn.Module) -> Tensor | float:
        """A term that is added to the training loss."""
        return 0.0

    def before_step(self, model: nn.Module, optimizer: Optimizer) -> None:
        """Is called when the gradients of a step are there."""

    def after_step(self, model: nn.Module, optimizer: Optimizer) -> None:
        """Is called when the parameters have moved."""

    def callbacks(self) -> Sequence[pl.Callback]:
        """Lightning callbacks for what happens once an epoch."""
        return ()

    @classmethod
    def stacked(cls, members: Sequence[Self]) -> "StackedMethod | None":
        """The form of the hooks around a step for a whole stack; None where there is none."""
        overridden = any(
            getattr(cls, hook) is not getattr(Method, hook) for hook in UNBATCHED_HOOKS
        )
        return None if overridden else StackedMethod(members)


class StackState:
    """State of a stack that changes in training, with the members first in each tensor.

    Through its `tensors` members are let go, saved and put back.
    """

    def tensors(self) -> dict[str, Tensor]:
        """The state by name. Shapes: each (members, ...)."""
        return {}

    def put(self, tensors: dict[str, Tensor]) -> None:
        """Replaces the state, by that of as many members as these tensors have."""

    def keep(self, rows: Tensor) -> None:
        """Lets all members go but these."""
        self.put({name: tensor[rows] for name, tensor in self.tensors().items()})


class StackedMethod(StackState):
    """One method of all members of a stack; every hook may be left out.

    What changes in training belongs into its `tensors`, unless the scores tell it again.
    `stack` has `weights`, with lists of `values` and `grads` (members, n), each `decayed` or not,
    and the members' hyperparameters `hyper`.
    """

    def __init__(self, members: Sequence[Method]) -> None:
        self.members = list(members)

    def column(self, name: str, like: Tensor) -> Tensor:
        """An attribute of the members, of the dtype of `like`. Shapes: -> (members, 1)."""
        values = [getattr(member, name) for member in self.members]
        return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None]

    def before_step(self, stack: "Stack") -> None:
        """Is called when the gradients of a step are there."""

    def after_step(self, stack: "Stack") -> None:
        """Is called when the parameters have moved."""

    def weights(self, stack: "Stack") -> list[Tensor] | None:
        """The parameters to validate and keep, where they are not the trained ones."""

    def stops(self, scores: Sequence[float]) -> list[bool]:
        """True for each member that ends after an epoch with these validation scores.

        It is called again for all earlier epochs where a stack goes on from a checkpoint.
        """
        return [False] * len(scores)

    def keep(self, rows: Tensor) -> None:
        super().keep(rows)
        self.members = [self.members[row] for row in rows.tolist()]


@dataclass
class Phase:
    """One phase of a training: the module, its data, and the config that holds its settings."""

    module: nn.Module
    data: Any
    config: dict[str, Any]
    name: str = ""  # of its checkpoints, where another phase follows
