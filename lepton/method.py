"""The base class of methods: hooks through which an idea changes training."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import Optimizer

from lepton.compat.lightning import pl
from lepton.randomness.draw import Draw
from lepton.spec import DataSpec

if TYPE_CHECKING:
    from lepton.finetune.machinery.phase_plan import PhasePlan
    from lepton.task import Task
    from lepton.vectorize.stack import Stack

Batch = dict[str, Tensor]
# hooks that do not run under vmap, so that a stack needs another form of them
UNBATCHED_HOOKS = ("before_step", "after_step", "callbacks", "groups", "on_epoch", "further_rows")


class Method:
    """A regularizer, an augmentation, an adversarial method or a strategy of fine-tuning.

    Every hook may be left out.

    Order. Once a run: `prepare`, `told`, `further_rows`, `row_chances`, `phases`, `groups`,
    `callbacks`. Once an epoch: `on_epoch`. For each batch: `on_batch` of all methods, the model,
    the task's loss, `loss` of all, then all `penalty` are added, and gradients follow; where a
    method has a `perturbation`, those of another pass at the weights that it gives. For each step
    of the optimizer, of one batch or more: `before_step`, the step, `after_step`. Among methods:
    fine-tuning, regularization, augmentation, adversarial, and in each of these by name.

    Device and dtype. `prepare` sees the model on the CPU in 32 bits; batches are on the device that
    trains, so a method's own tensors and networks move there by `.to(batch["num"])` when they are
    used. `precision=64-true` and the 16-bit `-true` ones give model and batch that dtype; under
    mixed precision the hooks of a batch run in autocast: logits may have 16 bits, and gradients
    that a hook takes itself are not scaled against underflow. `before_step` sees unscaled ones.

    Stacks. `stackable` names the attributes, called as in YAML, that may differ between members of
    a stack. There `on_batch`, `loss`, `penalty` and `perturbation` run under vmap, once for all
    members, with tensors for these attributes; the other hooks need a form in `stacked`. Under vmap
    nothing may depend on the value of a tensor (torch.where in place of `if`, no `.item()`), shapes
    are fixed, nothing is kept in attributes, no tensor from outside is changed in place, and
    gradients are those of torch.func; some functions have no rule, as F.kl_div. Members are
    compared with their runs alone: where a method does otherwise, these are trained one by one.

    Replays. A class says `replayable = True`, and not for those that inherit from it, when its
    `on_batch`, `loss`, `penalty` and `perturbation` do the same tensor operations in every step,
    with nothing counted, and nothing drawn but from `draw`. Then a stack's step may be recorded,
    and replayed without calling them again, by which small models gain most.

    Processes. With several devices each calls the hooks for its own batch, and gradients are
    averaged when the loss goes backward: a gradient that a hook takes itself is of its own batch.
    `draw` differs between processes, but not `draw.each`. Where weights are shared out (fsdp),
    methods with a `loss` or `penalty`, and those that say `needs_whole_weights`, are refused. This,
    `leaves_weights_unused`, `needs_start`, `needs_last_epochs`, `perturbs_weights`,
    `averages_weights`, `acts_below_head`, `mixes_rows`, `mixes_states`, `run_keys`,
    `changes_inputs`, `adds_inputs` and `changes_waveforms` are literals, read from source.

    Checkpoints. What it remembers from step to step belongs into the `state_dict` of one of its
    callbacks: only then does a killed run go on exactly. What `draw` gives needs no remembering.

    Randomness. Only from `draw`, which `on_batch` and `loss` get where they name it: numbers that
    are the same alone, in a stack, and after a stop. Those of torch, numpy and random are not.
    """

    stackable: tuple[str, ...] = ()
    replayable = False  # True where hooks in the step do the same tensor operations each time
    stream_name = ""  # of what it draws: its place in the config, which the builder sets
    grows_until = 0.0  # share of the training in which it grows; no epoch before may be the best
    start_may_stay = False  # one that grows lets the start be the best, which needs no growing
    first_candidate = 0  # the first epoch that may be the best, as the builder says
    alone: str | None = None  # why a run with it cannot share a stack; of some models, in `prepare`
    perturbs_weights = False  # has a `perturbation`, of which a run has one
    needs_start = False  # goes with fine-tuning alone, by which weights are loaded
    needs_whole_weights = False  # looks at a weight as one tensor: not where devices share it
    needs_last_epochs = False  # acts in the last ones alone: nothing may end training before
    leaves_weights_unused = False  # some that the optimizer holds get no gradient in some epochs
    averages_weights = False  # as schedule-free optimizers do, which it therefore does not go with
    # kinds of inputs that it changes, of which the model must read one; none: it says nothing
    changes_inputs: tuple[str, ...] = ()
    adds_inputs: tuple[str, ...] = ()  # that its `further_rows` can hold: a model reads no others
    acts_below_head = False  # does nothing where a head alone is trained, on features
    changes_waveforms = False  # reads samples of sounds: no spectra may be kept in their place
    mixes_rows = False  # a row of a batch becomes one of several
    mixes_states = False  # so it does inside of the network, after all that mix inputs
    run_keys: tuple[str, ...] = ()  # its keys that name finished runs; of each `told` is called
    probes = False  # a strategy that trains the head alone; without `phases` it has `standardize`

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        """The model to train: changed in place, wrapped, or as it was.

        Raises: ConfigError when the method makes no sense for this model or task.
        """
        return model

    def phases(self) -> "Sequence[PhasePlan]":
        """What a strategy of fine-tuning trains, one after the other, each from the best epoch of
        the one before; empty: the whole network at once, or the head where it `probes`."""
        return ()

    def further_rows(self, train: dict[str, Any], spec: DataSpec, seed: int) -> dict[str, Any]:
        """Rows to train on beside those of `train`, tensors of the same names; none where empty.

        It is called before the training, and again for one that goes on: what it draws follows
        from `seed`. Rows of validation and test it never sees; `id`s are given to its rows later.
        Such a run trains alone.
        Shapes: those of `train` but for the number of rows; on the CPU, the target as it is read.
        """
        return {}

    def row_chances(self, train: dict[str, Any], spec: DataSpec) -> Tensor | None:
        """How often each row of train is drawn beside others, where not all come once an epoch.

        Shapes: -> (rows,), not below 0; those of several methods are multiplied.
        """

    def told(self, key: str, ids: Tensor, predictions: Tensor) -> None:
        """Is called before the training, for each of `run_keys`, with what that run predicts.

        Shapes: ids (rows,), of all rows of train at least; predictions (rows,) or (rows, outputs).
        """

    def groups(self, model: nn.Module, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The optimizer's parameter groups; `lr_scale` of one multiplies its learning rate."""
        return groups

    def on_epoch(self, model: nn.Module, epoch: int) -> None:
        """Is called before the training of an epoch, also of one that is gone on with."""

    def on_batch(
        self, batch: Batch, draw: Draw, model: nn.Module, task: "Task", progress: Tensor
    ) -> Batch:
        """The training batch to learn from; `target` is already encoded by the task. `progress` ()
        is the share of the training that is over; the model may be called by `output_apart`.

        Where a head is trained alone, on features of a frozen network, the inputs are `features`.
        `logit_offset` (B, outputs) of a batch is added to logits wherever their loss is computed.
        A method may leave all but the batch out of its parameters.
        """
        return batch

    def loss(
        self,
        model: nn.Module,
        task: "Task",
        batch: Batch,
        loss: Tensor,
        logits: Tensor,
        draw: Draw,
        progress: Tensor,
    ) -> Tensor:
        """The loss of a batch in place of `loss`, which is the task's as earlier methods left it.

        It may call the model again, `model(batch)`, or with other weights by `output_apart`;
        `task.loss_of(logits, batch)` is the loss of that, which heeds `dataset.weight`.
        `batch` is what all `on_batch` made of it, `logits` what the model said to it when it was
        called for the task's loss. A method may leave out the parameters after `loss`.
        """
        return loss

    def penalty(self, model: nn.Module) -> Tensor | float:
        """A term that is added to the training loss."""
        return 0.0

    def perturbation(
        self, weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """What is added to the trained weights for another pass through the same batch, whose
        gradient counts in place of these; under mixed precision they are not scaled.

        `draw` gives the other pass the same numbers, dropout draws new masks, and running
        statistics stay those of the first. Of all methods of a run one may have it.
        """
        return {name: torch.zeros_like(weight) for name, weight in weights.items()}

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
        overridden = any(overrides(cls, hook) for hook in UNBATCHED_HOOKS)
        return None if overridden else StackedMethod(members)


@cache
def overrides(method: type[Method], hook: str) -> bool:
    """True when a class of methods has its own form of a hook."""
    return getattr(method, hook) is not getattr(Method, hook)


@cache
def draws_numbers(method: type[Method]) -> bool:
    """True when a hook of a class of methods names `draw`."""
    hooks = [getattr(method, hook) for hook in ("on_batch", "loss") if overrides(method, hook)]
    return any("draw" in _parameters(hook) for hook in hooks)


def requested(hook: Callable, **offered: Any) -> dict[str, Any]:
    """Those of the arguments offered that a hook names."""
    return {name: offered[name] for name in _parameters(hook) if name in offered}


@cache
def _parameters(hook: Callable) -> tuple[str, ...]:
    return tuple(inspect.signature(hook).parameters)


def output_apart(
    model: nn.Module, batch: Batch, parameters: Mapping[str, Tensor] | None = None
) -> Tensor:
    """The model's output, with other parameters by name where given, and without a trace: running
    statistics stay as they are, also where torch.func differentiates it."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    return functional_call(model, buffers | dict(parameters or {}), (batch,))


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
    starts_learned: bool = False  # whether no weight of the module is random when it begins
    starts_chosen: bool = False  # whether these are a head's that folds or a split have chosen
    methods: "list[Method] | None" = None  # that act in it; None: all of the run
    begin: Callable[["Phase"], None] | None = None  # makes it ready once the one before is over
