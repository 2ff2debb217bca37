"""torchmetrics without transformers: one of its modules imports seconds' worth of it by the way."""

import importlib
import sys
from importlib.machinery import PathFinder, SourceFileLoader

MODULE, HEAVY = "torchmetrics.functional.text.bert", "transformers"


class Later:
    """What the name in the package is, once something is asked of it."""

    def __init__(self, name: str):
        self.name = name

    def __getattr__(self, attribute: str):
        return getattr(getattr(importlib.import_module(HEAVY), self.name), attribute)


class Names:
    """Stands for the package while the module takes names from it."""

    def __getattr__(self, name: str) -> Later:
        if name.startswith("_"):
            raise AttributeError(name)
        return Later(name)


class Loader(SourceFileLoader):
    def exec_module(self, module) -> None:
        sys.modules[HEAVY] = Names()
        try:
            super().exec_module(module)
        finally:
            del sys.modules[HEAVY]


class Finder:
    """Finds the one module, unless the package is there already or not at all."""

    def find_spec(self, name, path, target=None):
        if name != MODULE or HEAVY in sys.modules or PathFinder.find_spec(HEAVY) is None:
            return None
        found = PathFinder.find_spec(name, path)
        if found:
            found.loader = Loader(name, found.origin)
        return found


def install() -> None:
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
