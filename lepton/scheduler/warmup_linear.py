"""Linear schedule with a linear warm-up before it."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from lepton.scheduler.warmup import warmup_steps
from lepton.values.bounds import From0To1, NotBelow0


def factor(step: int, total: int, warmup: int, final: float) -> float:
    """The share of the learning rate at a step; `warmup` in steps."""
    if step < warmup:
        return step / warmup
    progress = min((step - warmup) / max(total - warmup, 1), 1.0)
    return 1 - (1 - final) * progress


def warmup_linear(
    *, optimizer: Optimizer, total_steps: int, warmup: NotBelow0, final: From0To1
) -> LambdaLR:
    """The schedule: zero at the first step, full after `warmup`, `final` of it at the end."""
    warmup_end = warmup_steps(warmup, total_steps)
    return LambdaLR(optimizer, lambda step: factor(step, total_steps, warmup_end, final))
