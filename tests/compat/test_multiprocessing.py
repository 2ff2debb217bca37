"""Canaries for the private parts of multiprocessing: a script's main module runs once."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

SCRIPT = """
import multiprocessing, sys
from lepton.compat import multiprocessing as compat

print("main", flush=True)
if __name__ == "__main__":
    context = {context}
    compat.start_fork_server(["json.tool"])
    main = sys.modules["__main__"]
    process = context.Process(target=exec, args=({code!r},))
    process.start()
    process.join()
    print(process.exitcode, sys.modules["__main__"] is main)
"""
CODE = "import sys; print('json.tool' in sys.modules, flush=True)"


@pytest.fixture
def run(tmp_path):
    """The lines that a script prints whose process is one of the given context."""

    def run(context):
        script = tmp_path / "script.py"
        script.write_text(SCRIPT.format(context=context, code=CODE))
        path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        process = subprocess.run(
            [sys.executable, str(script)],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )
        assert process.returncode == 0, process.stderr
        return process.stdout.split("\n")[:-1]

    return run


@pytest.fixture
def moved(canary):
    return partial(canary, "Python")


def test_a_worker_does_not_run_the_main_module_again(run, moved):
    forked = str(sys.platform == "linux")  # with the modules that the server has imported
    with moved("multiprocessing's Process._Popen and sys.modules['__main__']"):
        assert run("compat.WorkerContext()") == ["main", forked, "0 True"]


def test_any_other_process_would_run_it(run, moved):
    with moved("multiprocessing's import of the main module"):
        lines = run("multiprocessing.get_context(compat.START_METHOD)")
        assert lines.count("main") == 2, "a plain process leaves the main module alone now"
