"""The interval of a scheduler: every batch where it asks for `total_steps`, else every epoch."""

import inspect
from collections.abc import Callable
from typing import Any, Protocol

from lepton.config.signature import read_signature


class Scheduler(Protocol):
    """A scheduler of torch or of a user; one whose `step` takes `metrics` is given the score."""

    @property
    def step(self) -> Callable[..., None]:
        """Moves the learning rates on."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that its later steps depend on."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes what `state_dict` gave."""
        ...


def steps_by_batch(config: dict[str, Any]) -> bool:
    """True when the scheduler of a config steps after every batch."""
    node = config["scheduler"]
    return bool(node) and "total_steps" in read_signature(node["_target_"]).parameters


def step_after_epoch(scheduler: Scheduler, score: float) -> None:
    """Steps a scheduler that counts epochs; gives it the validation score if it asks for one."""
    if "metrics" in inspect.signature(scheduler.step).parameters:
        scheduler.step(score)
    else:
        scheduler.step()
