"""Checks that losses and weights are finite numbers, without making a GPU wait."""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor


class LossCheck:
    """Looks at every loss before its step; on a GPU the answer comes one step late."""

    def __init__(self) -> None:
        self.pending: tuple[int, Tensor, torch.cuda.Event] | None = None

    def not_finite(self, number: int, loss: Tensor) -> tuple[int, float] | None:
        """The number and value of a loss that is not finite, or None."""
        if not loss.is_cuda:
            value = loss.item()
        else:
            previous, self.pending = self.pending, (number, *_send_to_cpu(loss.detach()))
            if previous is None:
                return None
            number, copy, arrived = previous
            arrived.synchronize()
            value = copy.item()
        return None if math.isfinite(value) else (number, value)


def _send_to_cpu(loss: Tensor) -> tuple[Tensor, torch.cuda.Event]:
    """A copy on its way to the CPU, and the event that it has arrived."""
    copy, arrived = loss.to("cpu", non_blocking=True), torch.cuda.Event()
    arrived.record()
    return copy, arrived


def all_finite(state: Mapping[str, Tensor]) -> bool:
    """True when all tensors of floats hold finite numbers alone."""
    return next(not_finite_names(state), None) is None


def not_finite_names(state: Mapping[str, Tensor]) -> Iterator[str]:
    """Yields the names of the tensors that hold something else than finite numbers."""
    floats = ((name, t) for name, t in state.items() if t.is_floating_point())
    return (name for name, t in floats if not t.isfinite().all())
