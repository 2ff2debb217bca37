"""torchmetrics, imported without the seconds that its import of transformers would take."""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

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

__all__ = ["classification", "without_transformers"]
