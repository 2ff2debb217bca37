"""Metric: one that a run adds to those that lepton computes of every task."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from lepton.errors import ConfigError

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

    `label` is the option that it was chosen by; `key` tells it from others in this process.
    """

    function: Callable[..., Any]
    larger_is_better: bool
    label: str
    key: str

    def __call__(self, prediction: "Tensor", target: "Tensor") -> float:
        """The value; NaN where it is undefined.

        Of several values, as a precision and its threshold, the first is taken.
        Raises: ConfigError when that is not one number.
        """
        value: Any = self.function(prediction, target)
        number: Any = value[0] if isinstance(value, tuple | list) and value else value
        try:
            return float(number)
        except (TypeError, ValueError, RuntimeError):
            count = getattr(number, "numel", None)
            kind = f"{count()} numbers" if count else type(number).__name__
            raise ConfigError(f"{self.label}: gave {kind}; a metric is one number") from None
