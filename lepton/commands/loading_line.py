"""Says on a terminal that torch is being loaded, which takes seconds, and takes that back."""

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

SLOW = "torch"


def announce_slow_import() -> None:
    """Lets a line stand on the terminal while torch is loaded, whoever imports it first."""
    if sys.stderr.isatty() and SLOW not in sys.modules:
        sys.meta_path.insert(0, _Announcer())


class _Announcer(MetaPathFinder):
    """Finds one module as the other finders do, and shows the line while it is executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != SLOW:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                with _passing_line(f"loading {SLOW}"):
                    execute(module)

            spec.loader.exec_module = exec_module
        return spec


@contextmanager
def _passing_line(text: str) -> Iterator[None]:
    sys.stderr.write(text)
    sys.stderr.flush()
    try:
        yield
    finally:
        sys.stderr.write(f"\r{' ' * len(text)}\r")
        sys.stderr.flush()
