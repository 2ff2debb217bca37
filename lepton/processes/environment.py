"""Variables, folder and Python path that a process takes over from the one that started it."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

LEPTON_PREFIX = "LEPTON_"  # begins the names of lepton's own environment variables


@dataclass(frozen=True)
class ProcessEnvironment:
    """Environment variables, working directory and Python path of a process."""

    variables: Mapping[str, str]
    folder: str
    python_path: tuple[str, ...]

    @classmethod
    def of_this_process(cls, **variables: str) -> "ProcessEnvironment":
        """All that this process has, with further environment variables."""
        return cls({**os.environ, **variables}, os.getcwd(), _python_path())

    @classmethod
    def for_other_machines(cls) -> "ProcessEnvironment":
        """This process's without the variables that tell of its machine: lepton's own alone."""
        return cls(lepton_variables(), os.getcwd(), _python_path())

    def take_over(self) -> None:
        """Makes this the environment of the calling process, which keeps nothing of its own."""
        os.environ.clear()
        os.environ.update(self.variables)
        os.chdir(self.folder)
        sys.path[:] = self.python_path

    def add(self) -> None:
        """Adds this to the environment of the calling process; its own Python path comes first."""
        os.environ.update(self.variables)
        os.chdir(self.folder)
        sys.path += [path for path in self.python_path if path not in sys.path]


def lepton_variables() -> dict[str, str]:
    """The environment variables that are lepton's own."""
    return {name: value for name, value in os.environ.items() if name.startswith(LEPTON_PREFIX)}


@contextmanager
def exported_python_path() -> Iterator[None]:
    """Lets processes that are started meanwhile find the modules that this one finds."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(_python_path())
    try:
        yield
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


def _python_path() -> tuple[str, ...]:
    """The folders that modules are looked for in; "" is the working directory."""
    return tuple(path or os.getcwd() for path in sys.path)
