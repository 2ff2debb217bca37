"""Whether losses and weights are finite numbers, asked without making a GPU wait."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor


class Losses:
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
    return all(t.isfinite().all() for t in state.values() if t.is_floating_point())
