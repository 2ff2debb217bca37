"""MetricOption: an option of the group metric, before its task is known.

What its signature wants of the task, its name and the number of classes or labels, is filled in.
"""

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

import torch
from torch import Tensor

from lepton.compat.torchmetrics import computed_by_weights, sums_over_rows
from lepton.errors import ConfigError
from lepton.metric.metric import Metric
from lepton.metric.row_weights import binary_digits

TASK_PREFIXES = ("binary", "multiclass", "multilabel")  # of names in torchmetrics


@dataclass(frozen=True)
class MetricOption:
    """A class or a function, as an option of the group metric names it.

    `label` is the option as it was chosen; `larger_is_better` of None is what the class says.
    """

    name: str
    label: str
    make: "partial[Any]"
    larger_is_better: bool | None

    def metric(self, task: str, classes: int) -> Metric:
        """The metric for a task of this name, with so many classes or labels.

        Raises: ConfigError for a task that it is not for, for values that torchmetrics refuses,
            and where nothing says which direction is better.
        """
        target = self.make.func
        _refuse_other_task(target, self.label, task)
        function: Callable[..., Any] = partial(self.make, **filled_arguments(target, task, classes))
        source: Any = target
        if inspect.isclass(target):
            source = _explained(function, self.label)()
            if hasattr(source, "update"):
                compute = _compute_weighed if sums_over_rows(source) else _compute
                function = partial(compute, source)
            else:
                function = source
        larger_is_better = self.larger_is_better
        if larger_is_better is None:
            larger_is_better = getattr(source, "higher_is_better", None)
        if larger_is_better is None:
            path = self.label.replace("=", ".")
            raise ConfigError(f"{path}.larger_is_better: nothing says it; give true or false")
        key = f"{target} {self.make.keywords}"
        return Metric(_explained(function, self.label), larger_is_better, self.label, key)


def filled_arguments(target: Callable[..., Any], task: str, classes: int) -> dict[str, Any]:
    """The arguments by which a class or function asks for the task and its number of classes."""
    values = {"task": task}
    values |= {"multiclass": {"num_classes": classes}, "multilabel": {"num_labels": classes}}.get(
        task, {}
    )
    wanted = inspect.signature(target).parameters
    return {name: value for name, value in values.items() if name in wanted}


def _refuse_other_task(target: Any, label: str, task: str) -> None:
    """Raises: ConfigError for a metric whose name or attribute `possible` says another task."""
    module, name = target.__module__, target.__name__.lower()
    possible = getattr(target, "possible", ())
    if module.startswith("torchmetrics."):
        prefixes = [prefix for prefix in TASK_PREFIXES if name.startswith(prefix)]
        of_module = {".classification.": TASK_PREFIXES, ".regression.": ("regression",)}
        by_module = [tasks for part, tasks in of_module.items() if part in module]
        possible = prefixes or [task for tasks in by_module for task in tasks]
    if possible and task not in possible:
        raise ConfigError(f"{label}: is for {', '.join(possible)}; this target is {task}")


def _compute(metric: Any, prediction: Tensor, target: Tensor) -> Any:
    """The value of a torchmetrics object, of these rows alone."""
    metric.reset()
    metric.set_dtype(torch.float64)
    metric.update(prediction, target)
    return metric.compute()


def _compute_weighed(
    metric: Any, prediction: Tensor, target: Tensor, sample_weight: Tensor | None = None
) -> Any:
    """The same by weights of rows, of a metric whose states are sums over rows."""
    if sample_weight is None:
        return _compute(metric, prediction, target)
    metric.set_dtype(torch.float64)
    parts = (
        (number, prediction[rows], target[rows]) for number, rows in binary_digits(sample_weight)
    )
    return computed_by_weights(metric, parts)


def _explained(function: Callable[..., Any], label: str) -> Callable[..., Any]:
    """The function, whose errors from inside torchmetrics are one line, and without warnings."""
    target = function
    while isinstance(target, partial):
        target = target.func
    is_users_own = not getattr(target, "__module__", "").startswith(("torchmetrics.", "lepton."))

    @wraps(function)  # its signature says whether it weighs rows
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                return function(*arguments, **options)
        except (ValueError, TypeError, RuntimeError) as e:
            if is_users_own:
                raise
            raise ConfigError(f"{label}: {' '.join(str(e).split())}") from e

    return call
