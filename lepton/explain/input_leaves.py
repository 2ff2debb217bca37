"""The tensors at which inputs enter a network: numbers themselves, and what codes first become.

Tokens, codes of categories and bytes of pixels have no gradient; what a network makes of them
first, an embedding or a scaled number, has. Where that happens is found by running it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lepton.errors import LeptonError

Batch = dict[str, Any]


@dataclass(frozen=True)
class Leaf:
    """A place where an input enters: a tensor of the batch, or the result of a call.

    `call`: the number of the call among those that make numbers of codes; None for a tensor itself.
    Shapes: value and neutral (1, ...), what stands there for the input, and for one without content
    """

    tensor: str
    call: int | None
    value: Tensor
    neutral: Tensor


class Entries(TorchFunctionMode):
    """Records, or replaces, what calls give that make floating-point numbers of other tensors."""

    def __init__(self, replaced: Mapping[int, Tensor] | None = None) -> None:
        super().__init__()
        self.replaced, self.results = dict(replaced or {}), list[Tensor]()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not (isinstance(result, Tensor) and result.is_floating_point()):
            return result
        given = [t for t in (*args, *(kwargs or {}).values()) if isinstance(t, Tensor)]
        others = [t for t in given if not isinstance(t, nn.Parameter)]
        if not others or any(t.is_floating_point() or t.is_complex() for t in others):
            return result
        number = len(self.results)
        self.results.append(result.detach())
        replacement = self.replaced.get(number)
        return result if replacement is None else replacement.to(result.dtype)


def find_leaves(forward: Callable[[Batch], Tensor], batch: Batch, neutral: Batch) -> list[Leaf]:
    """The places where the tensors that differ between two batches of one row enter.

    Raises: LeptonError for a tensor of codes that no call makes numbers of, as far as is seen.
    """
    names = [name for name, value in neutral.items() if not torch.equal(value, batch[name])]
    leaves = [
        Leaf(name, None, batch[name], neutral[name])
        for name in names
        if batch[name].is_floating_point()
    ]
    values = _results(forward, batch)
    for name in (name for name in names if not batch[name].is_floating_point()):
        others = _results(forward, {**batch, name: neutral[name]})
        if list(map(_shape, values)) != list(map(_shape, others)):
            raise LeptonError(f"the network computes otherwise without its {name}")
        found = [
            Leaf(name, number, value, other)
            for number, (value, other) in enumerate(zip(values, others, strict=True))
            if not torch.equal(value, other)
        ]
        if not found:
            raise LeptonError(f"the network makes no numbers of its {name} that can be followed")
        leaves += found
    return leaves


def _results(forward: Callable[[Batch], Tensor], batch: Batch) -> list[Tensor]:
    with torch.no_grad(), Entries() as entries:
        forward(batch)
    return entries.results


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)


def forward_from(
    forward: Callable[[Batch], Tensor], batch: Batch, leaves: Sequence[Leaf]
) -> Callable[..., Tensor]:
    """What the network gives for values at these places, one tensor for each, all else as it was.

    Shapes: of its arguments (n, ...) for the leaves' (1, ...) -> (n, ...).
    """

    def compute(*values: Tensor) -> Tensor:
        rows = len(values[0])
        repeated = {
            name: value.expand(rows, *value.shape[1:]) if isinstance(value, Tensor) else value
            for name, value in batch.items()
        }
        replaced = {}
        for leaf, value in zip(leaves, values, strict=True):
            if leaf.call is None:
                repeated[leaf.tensor] = value
            else:
                replaced[leaf.call] = value
        with Entries(replaced):
            return forward(repeated)

    return compute
