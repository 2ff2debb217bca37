"""Whether losses and weights are finite numbers, asked without making a GPU wait."""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor


class LossCheck:
    """Looks at every loss before its step; on a GPU the answer comes one step late."""

    def __init__(self):
        self.sent: tuple[int, Tensor, torch.cuda.Event] | None = None

    def wrong(self, number: int, loss: Tensor) -> tuple[int, float] | None:
        """The number and value of a loss that is not finite, or None."""
        if not loss.is_cuda:
            value = loss.item()
        else:
            before, self.sent = self.sent, (number, *_send(loss.detach()))
            if before is None:
                return None
            number, copy, arrived = before
            arrived.synchronize()
            value = copy.item()
        return None if math.isfinite(value) else (number, value)


def _send(loss: Tensor) -> tuple[Tensor, torch.cuda.Event]:
    """A copy on its way to the CPU, and the event that says it is there."""
    copy, arrived = loss.to("cpu", non_blocking=True), torch.cuda.Event()
    arrived.record()
    return copy, arrived


def all_finite(state: Mapping[str, Tensor]) -> bool:
    return next(not_finite(state), None) is None


def not_finite(state: Mapping[str, Tensor]) -> Iterator[str]:
    """Names of the tensors that hold something else than finite numbers."""
    floats = ((name, t) for name, t in state.items() if t.is_floating_point())
    return (name for name, t in floats if not t.isfinite().all())
