"""Numbers of rows beside tensors of rows, and dictionaries of such tensors."""

from collections.abc import Callable

import torch
from torch import Tensor

Change = dict[str, Tensor]  # of each attacked tensor of a batch, in its unit


def of_rows(values: Tensor, like: Tensor) -> Tensor:
    """A number a row, as it is multiplied with rows. Shapes: (B,), (B, ...) -> (B, 1, ...)."""
    return values.reshape(-1, *[1] * (like.ndim - 1))


def each(function: Callable[..., Tensor], *changes: Change) -> Change:
    """What a function gives for the tensors of each name."""
    return {name: function(*(change[name] for change in changes)) for name in changes[0]}


def where(rows: Tensor, yes: Change, no: Change) -> Change:
    """The first in rows that are true, else the second. Shapes: rows (B,)."""
    return each(lambda a, b: torch.where(of_rows(rows, a), a, b), yes, no)
