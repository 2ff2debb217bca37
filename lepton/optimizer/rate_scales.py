"""Rates of parameter groups that are a multiple of the optimizer's."""

from torch.optim import Optimizer

ONE_CYCLE_KEYS = ("lr", "initial_lr", "max_lr", "min_lr")  # set in each group by its scheduler


def apply_lr_scale(optimizer: Optimizer, keys: tuple[str, ...]) -> None:
    """Multiplies learning rates of the groups that have an `lr_scale` and all of the keys by it."""
    for group in optimizer.param_groups:
        if "lr_scale" in group and all(key in group for key in keys):
            group |= {key: group[key] * group["lr_scale"] for key in keys}
