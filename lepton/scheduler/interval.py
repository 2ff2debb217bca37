"""The interval of a scheduler: every batch where it asks for `total_steps`, else every epoch."""

import inspect
from typing import Any

from torch.optim.lr_scheduler import LRScheduler

from lepton.config.signature import read_signature


def steps_by_batch(config: dict[str, Any]) -> bool:
    """True when the scheduler of a config steps after every batch."""
    node = config["scheduler"]
    return bool(node) and "total_steps" in read_signature(node["_target_"]).parameters


def step_after_epoch(scheduler: LRScheduler, score: float) -> None:
    """Steps a scheduler that counts epochs; gives it the validation score if it asks for one."""
    if "metrics" in inspect.signature(scheduler.step).parameters:
        scheduler.step(score)
    else:
        scheduler.step()
