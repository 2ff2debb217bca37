"""LossOption: an option of the group loss, before its task is known."""

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from lepton.errors import ConfigError


@dataclass(frozen=True)
class LossOption:
    """A class or a function of the user's, of torch.nn or of lepton; `label` as it was chosen."""

    label: str
    make: "partial[Any]"

    def loss(self, task: str) -> Callable[[Tensor, Tensor], Tensor]:
        """The loss, for a task of this name.

        What its signature wants is filled in: `task`, and `reduction`, since the task takes means.
        Raises: ConfigError for a task that it is not for, and for values that it refuses.
        """
        target = self.make.func
        possible = getattr(target, "possible", ())
        if possible and task not in possible:
            raise ConfigError(f"{self.label}: is for {', '.join(possible)}; this target is {task}")
        wanted = inspect.signature(target).parameters
        filled = {k: v for k, v in {"task": task, "reduction": "none"}.items() if k in wanted}
        if not inspect.isclass(target):
            return partial(self.make, **filled)
        try:
            return self.make(**filled)
        except (ValueError, TypeError) as e:
            raise ConfigError(f"{self.label}: refuses its values: {e}") from e

    def try_on(self, loss: Callable[..., Tensor], logits: Tensor, target: Tensor) -> None:
        """Raises: ConfigError where a loss of torch's cannot compare rows of these shapes."""
        if not self.make.func.__module__.startswith("torch."):
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                losses = loss(logits, target)
            problem = "" if losses.shape[:1] == logits.shape[:1] else "gives no number a row"
        except (ValueError, TypeError, RuntimeError, IndexError) as e:
            problem = f"does not go with this target: {' '.join(str(e).split())}"
        if problem:
            raise ConfigError(f"{self.label}: {problem}")
