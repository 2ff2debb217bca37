"""Private parts of torch: each behind a function or class that says what it is for."""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import Any, NamedTuple, TypeAlias, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

Tensors: TypeAlias = tuple[Tensor, ...] | list[Tensor]


def fused_adam_(
    parameters: Tensors,
    gradients: Tensors,
    means: Tensors,
    squares: Tensors,
    *,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> None:
    """Moves parameters and moments in place by a step of Adam, in one kernel for all tensors.

    `step` counts from 1.
    No public way: torch.optim.Adam(fused=True) keeps moments of its own. Tried: torch 2.13.
    """
    # a GPU's kernel reads 32 bits, whatever the default float type is
    steps = torch.tensor(float(step), dtype=torch.float32, device=parameters[0].device)
    torch._fused_adam_(  # pyright: ignore[reportPrivateImportUsage]
        parameters,
        gradients,
        means,
        squares,
        max_exp_avg_sqs=[],
        state_steps=[steps] * len(parameters),
        lr=lr,
        beta1=beta1,
        beta2=beta2,
        weight_decay=0.0,
        eps=eps,
        amsgrad=False,
        maximize=False,
    )


def scale_all_(tensors: Tensors, factor: float) -> None:
    """Multiplies tensors by a number in place, in one kernel for all of them.

    No public way: torch has functions of one tensor alone. Tried: torch 2.13.
    """
    torch._foreach_mul_(tensors, factor)  # pyright: ignore[reportPrivateImportUsage]


def move_all_towards_(tensors: Tensors, ends: Tensors, share: float) -> None:
    """Moves tensors in place by a share of the way to others, in one kernel for all of them.

    No public way: torch has functions of one tensor alone. Tried: torch 2.13.
    """
    torch._foreach_lerp_(tensors, ends, share)  # pyright: ignore[reportPrivateImportUsage]


def is_inside_backward() -> bool:
    """True while gradients are computed, as when torch.utils.checkpoint computes a block again.

    No public way: torch tells hooks alone that a backward pass is under way. Tried: torch 2.13.
    """
    return torch._C._current_graph_task_id() >= 0


def is_dropout(module: nn.Module) -> TypeGuard[_DropoutNd]:
    """True for every dropout layer of torch's, whatever it drops.

    No public way: nn.Dropout is no base class of the others. Tried: torch 2.13.
    """
    return isinstance(module, _DropoutNd)


def has_running_statistics(module: nn.Module) -> bool:
    """True for torch's layers that may keep statistics of batches, as BatchNorm does.

    No public way: these layers have no public base class. Tried: torch 2.13.
    """
    return isinstance(module, _NormBase)


def forward_hooks(module: nn.Module) -> list[Callable]:
    """The functions that are called before and after a module's `forward`.

    No public way: hooks can be set and removed, not asked for. Tried: torch 2.13.
    """
    return [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]


class OperationListener(TorchDispatchMode):
    """Is told of every tensor operation while it is entered, below vmap and autograd.

    No public way: torch.overrides.TorchFunctionMode listens above vmap. Tried: torch 2.13.
    """

    def heard(self, operation: Any, args: tuple, kwargs: dict[str, Any], results: Any) -> None:
        """Called after each operation of torch.ops.aten; subclasses say what they do with it."""
        raise NotImplementedError

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        results = func(*args, **kwargs)
        self.heard(func, args, kwargs, results)
        return results


def tensors_in(nested: Any) -> list[Tensor]:
    """The tensors in nested lists, tuples and dicts, in order.

    No public way: torch.utils.pytree is not documented as stable. Tried: torch 2.13.
    """
    return [leaf for leaf in tree_leaves(nested) if isinstance(leaf, Tensor)]


def changes_its_inputs(operation: Any) -> bool:
    """True when an operation of torch.ops writes into a tensor that it is given.

    No public way: tags of an operation do not tell it. Tried: torch 2.13.
    """
    return operation._schema.is_mutable


def change_class(module: Any, cls: type, **attributes: Any) -> None:
    """Makes a module, or another object, one of another class: the same, with all that it holds.

    No public way: nn.Module.set_submodule puts another object in its place, which whoever holds
    the first one does not see. Tried: torch 2.13.
    """
    module.__class__ = cls
    for name, value in attributes.items():
        setattr(module, name, value)


class ModuleRecord(NamedTuple):
    """A module as it was: its class and its attributes; of parameters all but the values."""

    module: nn.Module
    cls: type[nn.Module]
    attributes: dict[str, Any]


def record_modules(model: nn.Module) -> Iterator[ModuleRecord]:
    """The model's modules as they are now, for `restore_modules`."""
    for module in model.modules():
        attributes = {k: copy(v) if isinstance(v, dict) else v for k, v in module.__dict__.items()}
        for name, parameter in module.named_parameters(recurse=False):
            empty = torch.empty_like(parameter, device="meta")
            attributes["_parameters"][name] = nn.Parameter(empty, parameter.requires_grad)
        yield ModuleRecord(module, type(module), attributes)


def restore_modules(records: Sequence[ModuleRecord]) -> None:
    """Makes modules what they were before `fully_shard`; their parameters wait for values.

    No public way: torch's fully_shard changes classes and hooks, and has no way back.
    Tried: torch 2.13.
    """
    for module, cls, attributes in records:
        module.__class__ = cls
        module.__dict__.clear()
        module.__dict__.update(attributes)


class AbsentTensor(Tensor):
    """Base of tensors that hold no numbers: torch computes with what `whole` returns.

    No public way: the hooks are documented, under "Extending PyTorch", but what makes a tensor
    without numbers has a private name.
    Tried: torch 2.13.
    """

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def absent(kind: Any, shape: tuple[int, ...], dtype: torch.dtype) -> Any:
        """One of a class, on the CPU."""
        return Tensor._make_wrapper_subclass(kind, shape, dtype=dtype)

    def whole(self) -> Tensor:
        """The numbers, in memory."""
        raise NotImplementedError

    @classmethod
    def __torch_dispatch__(
        cls, op: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return op(*tree_map(_present, args), **tree_map(_present, kwargs or {}))


def _present(value: Any) -> Any:
    return value.whole() if isinstance(value, AbsentTensor) else value
