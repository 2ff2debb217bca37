"""What the tests of storage share: runs that an error ended, and processes that run some code."""

import multiprocessing
import os
from contextlib import suppress
from pathlib import Path

import pytest

from lepton.storage.run_folder import write_config
from lepton.storage.run_writing import writing_run

ROOT = str(Path(__file__).parents[2])
SERVER = multiprocessing.get_context("forkserver")  # the one of all tests
START = """
import os, sys
sys.path.insert(0, root)
os.environ.update(environment)
exec(code)
"""


def end_run_with(error):
    """Writes the run `study/run` until an error ends it."""
    with suppress(type(error)), writing_run(Path("study/run")) as folder:
        write_config({"seed": 3}, folder)
        raise error


@pytest.fixture
def process(monkeypatch):
    """Starts code in a process, with the names that it uses: process(code, name=value, ...)."""
    started = []

    def process(code, **names):
        environment = {k: v for k, v in os.environ.items() if k.startswith("LEPTON_")}
        names |= {"code": code, "environment": environment, "root": ROOT}
        with monkeypatch.context() as patched:
            patched.setenv("PYTHONPATH", ROOT)
            new = SERVER.Process(target=exec, args=(START, names))
            new.start()
        started.append(new)
        return new

    yield process
    for one in started:
        one.kill()
        one.join()
