"""Canary for the fork server of multiprocessing: what it says of a parent that has ended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ASKING = """
import os, sys
from multiprocessing import forkserver
from lepton.compat import multiprocessing as compat

if {is_quiet}:
    compat.start_fork_server(["json.tool"])
else:
    forkserver.ensure_running()
sentinel, asking = forkserver._forkserver.connect_to_new_process([])
os.close(asking)  # as where the parent is killed
os.read(sentinel, 8)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked by a server on Linux")
@pytest.mark.parametrize("is_quiet", [True, False])
def test_a_process_whose_parent_ended_as_it_began_says_nothing(is_quiet, canary):
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    process = subprocess.run(
        [sys.executable, "-c", ASKING.format(is_quiet=is_quiet)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    with canary("Python", "multiprocessing's fork server, which tells errors by sys.excepthook"):
        assert ("EOFError" in process.stderr) != is_quiet
