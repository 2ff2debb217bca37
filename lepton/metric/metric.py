"""Metric: one that a run adds to those that lepton computes of every task."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from lepton.errors import ConfigError
from lepton.storage.run_log import log_once

WEIGHTS = "sample_weight"  # the argument by which a function is given the weights of rows

if TYPE_CHECKING:
    from torch import Tensor

Function = TypeVar("Function", bound=Callable[..., Any])


def for_tasks(*names: str) -> Callable[[Function], Function]:
    """Says of a function that it is a metric, or a loss, of these tasks alone."""

    def mark(function: Function) -> Function:
        function.__dict__["possible"] = names
        return function

    return mark


@dataclass(frozen=True)
class Metric:
    """A function of predictions and targets, and its direction.

    One with an argument `sample_weight` is given the weights of rows; None where all count alike.
    `label` is the option that it was chosen by; `key` tells it from others in this process.
    """

    function: Callable[..., Any]
    larger_is_better: bool
    label: str
    key: str

    @cached_property
    def weighs_rows(self) -> bool:
        """True where the function takes weights of rows."""
        return WEIGHTS in inspect.signature(self.function).parameters

    def __call__(
        self, prediction: "Tensor", target: "Tensor", weight: "Tensor | None" = None
    ) -> float:
        """The value; NaN where it is undefined. A function that cannot weigh rows counts each once,
        and a line says so.

        Of several values, as a precision and its threshold, the first is taken.
        Raises: ConfigError when that is not one number.
        """
        if weight is None:
            value: Any = self.function(prediction, target)
        elif self.weighs_rows:
            value = self._weighed(prediction, target, weight)
        else:
            log_once(f"{self.label}: takes no weights of rows; it counts each row once")
            value = self.function(prediction, target)
        number: Any = value[0] if isinstance(value, tuple | list) and value else value
        try:
            return float(number)
        except (TypeError, ValueError, RuntimeError):
            count = getattr(number, "numel", None)
            kind = f"{count()} numbers" if count else type(number).__name__
            raise ConfigError(f"{self.label}: gave {kind}; a metric is one number") from None

    def _weighed(self, prediction: "Tensor", target: "Tensor", weight: "Tensor") -> Any:
        from lepton.metric.row_weights import counted_rows

        prediction, target, counted = counted_rows(prediction, target, weight)
        return self.function(prediction, target, **{WEIGHTS: counted})
