"""torchmetrics, imported without the seconds that its import of transformers would take."""

import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

from torch import Tensor

IMPORTER, LEFT_OUT = "torchmetrics.functional.text.bert", "transformers"


@contextmanager
def without_transformers() -> Iterator[None]:
    """Lets torchmetrics be imported meanwhile without an import of transformers.

    One module of torchmetrics, of a metric that lepton does not use, imports it for all others.
    That module gets a stand-in, which imports transformers when the metric is used. A package
    that is imported already, or not installed, is left as it is.

    No public way: torchmetrics has no switch for it. Tried: torchmetrics 1.5.0, 1.9.0.
    """
    finder = _ImporterFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _ImporterFinder:
    """Finds the one module that imports transformers, and has it loaded with the stand-in."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != IMPORTER or LEFT_OUT in sys.modules or PathFinder.find_spec(LEFT_OUT) is None:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec and spec.origin:
            spec.loader = _StandInLoader(name, spec.origin)
        return spec


class _StandInLoader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        sys.modules[LEFT_OUT] = _StandIn(LEFT_OUT)
        try:
            super().exec_module(module)
        finally:
            del sys.modules[LEFT_OUT]


class _StandIn(ModuleType):
    """Stands for transformers while the module takes names from it."""

    def __getattr__(self, name: str) -> "_LazyName":
        if name.startswith("_"):
            raise AttributeError(name)
        return _LazyName(name)


class _LazyName:
    """A name of transformers, which is imported once something is asked of the name."""

    def __init__(self, name: str):
        self.name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(getattr(importlib.import_module(LEFT_OUT), self.name), attribute)


with without_transformers():
    from torchmetrics.functional import classification
    from torchmetrics.utilities import dim_zero_sum


def sums_over_rows(metric: Any) -> bool:
    """True where each state of a metric is a sum over rows, so that these can be weighed.

    No public way: a metric does not tell how its states are joined. Tried: torchmetrics 1.5.0,
    1.9.0.
    """
    joined, states = getattr(metric, "_reductions", {}), getattr(metric, "_defaults", {})
    are_sums = all(how is dim_zero_sum for how in joined.values())
    return bool(joined) and are_sums and all(isinstance(s, Tensor) for s in states.values())


def computed_by_weights(metric: Any, parts: Iterable[tuple[float, Tensor, Tensor]]) -> Any:
    """The value of such a metric whose states are sums over several sets of rows, each times a
    number. Shapes: (N,) or (N, classes), (N,) of each set."""
    sums: dict[str, Any] = {}
    for number, prediction, target in parts:
        metric.reset()
        metric.update(prediction, target)
        for name, state in metric.metric_state.items():
            sums[name] = sums.get(name, 0) + number * state.double()
    for name, state in sums.items():
        setattr(metric, name, state)
    return metric.compute()


__all__ = ["classification", "computed_by_weights", "sums_over_rows", "without_transformers"]
