"""When a scheduler steps: after every batch where it asks for `total_steps`, else every epoch."""

import inspect
from typing import Any

from lepton.config.signature import read_signature


def by_batch(cfg: dict[str, Any]) -> bool:
    node = cfg["scheduler"]
    return bool(node) and "total_steps" in read_signature(node["_target_"]).parameters


def step_epoch(scheduler, score: float) -> None:
    """One step of a scheduler that counts epochs; some are told the validation score."""
    if "metrics" in inspect.signature(scheduler.step).parameters:
        scheduler.step(score)
    else:
        scheduler.step()
