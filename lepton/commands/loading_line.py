"""Says on a terminal what is being loaded, which takes seconds, and takes that back."""

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from lepton.commands.streams import passing_line

SLOW = "torch"


def announce_slow_import() -> None:
    """Lets a line stand on the terminal while torch is loaded, whoever imports it first."""
    if sys.stderr.isatty() and SLOW not in sys.modules:
        sys.meta_path.insert(0, _Announcer())


def announce_command(name: str) -> None:
    """Lets a line stand on the terminal until the command says something."""
    passing_line.show(f"lepton {name}: loading")


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
                before = passing_line.text
                passing_line.show(f"loading {SLOW}")
                try:
                    execute(module)
                finally:
                    passing_line.show(before)

            spec.loader.exec_module = exec_module
        return spec
