"""Fixtures of all tests: no network, an empty working directory, trained runs, the command."""

import gc
import hashlib
import importlib.metadata
import itertools
import json
import logging
import multiprocessing
import os
import random
import shutil
import signal
import socket
import sys
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.core.hydra_config import HydraConfig

from lepton.cli import GARBAGE_THRESHOLD
from lepton.storage.cache_locks import let_go
from tests.composed_once import keep_compositions
from tests.deadly import has_ended, trap  # noqa: F401
from tests.thread_pools_once import keep_thread_pools

keep_compositions()
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)
# read once, which Lightning does for each trainer to find callbacks of other packages
INSTALLED = importlib.metadata.entry_points()
importlib.metadata.entry_points = lambda **asked: INSTALLED.select(**asked) if asked else INSTALLED
keep_thread_pools()

FRAGILE = '''"""A user's model that breaks while a file named like its seed lies in `trap`."""

from pathlib import Path

from torch import nn


class Fragile(nn.Module):
    def __init__(self, *, spec, trap: str, draw: int):
        super().__init__()
        if Path(trap, str(draw)).exists():
            raise RuntimeError(f"no luck with {draw}")
        self.layer = nn.Linear(len(spec.num_features), spec.outputs)

    def forward(self, batch):
        return self.layer(batch["num"])
'''
FRAGILE_YAML = """# Breaks on request.
_target_: fragile.Fragile
trap: trap       # folder whose files name the seeds that fail
draw: ${seed}    # the run's seed
"""
COMMAND = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell ignores it
os.setsid()
os.chdir(folder)
sys.path.insert(0, root)
for number in (1, 2):
    os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
os.environ.update(environment)
sys.argv = ["lepton", *arguments]
from lepton.cli import main
sys.exit(main())
"""
# a server that has imported torch forks the processes, which saves each of them the seconds of it
SERVER = multiprocessing.get_context("forkserver")
PASSED_VARIABLES = ("LEPTON_", "PATH", "QUEUE")  # beginnings of names that the command gets
ROOT = str(Path(__file__).parents[1])
PRELOADED_MODULES = (
    "run analysis.table sweep.grid dataset.wine dataset.synthetic preprocessing.quantile model.mlp"
)
SEED = 59_604_644  # no number that a run of a test is given, whose draws would be these again
SERVER.set_forkserver_preload([f"lepton.{name}" for name in PRELOADED_MODULES.split()])


def _is_local(host):
    return host is None or str(host) in ("", "localhost", "::1") or str(host).startswith("127.")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Looks for garbage neither while tests are found nor, later, among what stays: imported
    libraries and thousands of tests are millions of objects."""
    gc.disable()
    try:
        return (yield)
    finally:
        for name in ("cuda", "xpu", "mtia"):
            if module := sys.modules.get(f"torch.{name}"):
                # of each seed that is set they note where it was, by the long stack of pytest
                module.traceback = types.SimpleNamespace(format_stack=list)
        gc.freeze()
        gc.set_threshold(GARBAGE_THRESHOLD)  # as in the command
        gc.enable()


def pytest_collection_modifyitems(items):
    """Refuses a test of the slow part that is one of a campaign too, which takes minutes."""
    for item in items:
        if {"slow", "campaign"} <= {mark.name for mark in item.iter_markers()}:
            raise pytest.UsageError(f"{item.nodeid} is marked slow and campaign: one of them")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol():
    """Leaves no folder of a test among those that modules are found in, and begins the random
    numbers of each anew: whichever tests came before, it draws the same."""
    folders = [*sys.path]
    random.seed(SEED)
    np.random.seed(SEED)
    if torch := sys.modules.get("torch"):
        torch.default_generator.manual_seed(SEED)
    try:
        return (yield)
    finally:
        sys.path[:] = folders


def pytest_make_parametrize_id(config, val, argname):
    """Bytes have no part in a test's name: those of an archive may tell the time, or a random id,
    and processes that share the tests would then know them by other names."""
    return "bytes" if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Fails a test that reaches for another machine, by name or by address."""

    def guarded(function, host_of):
        def call(*args, **kwargs):
            if not _is_local(host_of(*args)):
                raise RuntimeError(f"a test reached for the network: {host_of(*args)}")
            return function(*args, **kwargs)

        return call

    def host(self, address):
        return address[0] if self.family in (socket.AF_INET, socket.AF_INET6) else None

    for name in ("connect", "connect_ex"):
        connect = getattr(socket.socket, name)
        monkeypatch.setattr(socket.socket, name, guarded(connect, host))
    lookup = guarded(socket.getaddrinfo, lambda host, *_: host)
    monkeypatch.setattr(socket, "getaddrinfo", lookup)


@pytest.fixture(autouse=True)
def process_state(monkeypatch):
    """Undoes after each test what the command sets for a whole process."""
    python_path = os.environ.get("PYTHONPATH")
    for name in ("LEPTON_ALLOW", "LEPTON_CONFIG_DIR", "HYDRA_FULL_ERROR", "PYTHONPATH"):
        monkeypatch.setenv(name, "")  # so that what the test leaves is taken back
        os.environ.pop(name)
    if python_path is not None:
        os.environ["PYTHONPATH"] = python_path
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)  # which `--cfg` sets
    log = logging.getLogger("lepton")
    for name, value in (("handlers", []), ("level", logging.NOTSET), ("propagate", True)):
        monkeypatch.setattr(log, name, value)
    yield
    for handler in [h for h in logging.root.handlers if type(h).__module__ == "logging"]:
        logging.root.removeHandler(handler)  # Hydra's, on a stream that ends with the test


@pytest.fixture(scope="session")
def caches(tmp_path_factory):
    """Paths of folders in one of this session: to make each beside all others looks at them all."""
    folder = tmp_path_factory.mktemp("caches")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def cache(caches, monkeypatch):
    """A cache folder of the test's own, of which no lock stays open: a process has few files."""
    folder = next(caches)
    folder.mkdir()
    monkeypatch.setenv("LEPTON_CACHE", str(folder))
    yield folder
    let_go(folder)


@pytest.fixture
def upgrade(monkeypatch):
    """Lets packages have other versions from then on, as lepton sees them: upgrade(torch="99")."""
    from lepton.storage import environment

    installed, upgraded = environment._version, {}
    monkeypatch.setattr(environment, "_version", lambda name: upgraded.get(name, installed(name)))
    return lambda **versions: upgraded.update({k.replace("_", "-"): v for k, v in versions.items()})


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def lepton(here, monkeypatch, capsys):
    """The command in this process and an empty folder: arguments -> exit code, stdout, stderr."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(here)])

    def lepton(*arguments):
        from lepton.cli import main

        monkeypatch.setattr(sys, "argv", ["lepton", *arguments])
        capsys.readouterr()
        return main(), *capsys.readouterr()

    return lepton


@pytest.fixture
def run(here):
    """Trains as a notebook does; gives the folder of the run."""
    from lepton import train
    from lepton.config.compose import compose

    def run(*overrides):
        result = train(compose(*overrides))
        return Path(result.config["runs"]) / result.config["study"] / result.run

    return run


@pytest.fixture(scope="session")
def runs_of_this_session(tmp_path_factory):
    """A folder for each run that `run_once` has trained, by its overrides and data files."""
    return tmp_path_factory.mktemp("once"), {}


@pytest.fixture
def run_once(run, here, runs_of_this_session):
    """As `run`, but trained once a session and copied: for tests of what is done with a run."""
    store, copies = runs_of_this_session

    def run_once(*overrides):
        paths = [Path(override.partition("=")[2]) for override in overrides if "path=" in override]
        key = (overrides, *(path.read_bytes() for path in paths))
        if key not in copies:
            folder = run(*overrides)
            copies[key] = store / str(len(copies)), folder
            shutil.copytree(folder, copies[key][0])
        copy, folder = copies[key]
        if not folder.exists():
            shutil.copytree(copy, folder)
        return folder

    return run_once


@pytest.fixture
def fingerprint():
    """All of a run that its config decides: weights, predictions, history and scores; no times."""

    def fingerprint(folder):
        result = json.loads((folder / "result.json").read_text())
        compared = ("metrics", "constant", "score", "best_epoch", "epochs", "parameters", "rows")
        history = pd.read_parquet(folder / "history.parquet").drop(
            columns="seconds", errors="ignore"
        )
        weights = [folder / name for name in ("model.safetensors", "spec.json")]
        return {
            **{path.name: _sha256(path) for path in weights if path.is_file()},
            **{path.name: _table(path) for path in sorted(folder.glob("predictions/*.parquet"))},
            "history": history.to_json(double_precision=15),
            **{name: result[name] for name in compared},
        }

    return fingerprint


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _table(path):
    frame = pd.read_parquet(path)
    return [(name, column.to_numpy().tobytes()) for name, column in frame.items()]


@pytest.fixture
def fragile(here, monkeypatch):
    """The folder in which a file named like a seed makes a run of model=fragile fail."""
    (here / "fragile.py").write_text(FRAGILE)
    (here / "conf" / "model").mkdir(parents=True)
    (here / "conf" / "model" / "fragile.yaml").write_text(FRAGILE_YAML)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.delitem(sys.modules, "fragile", raising=False)
    monkeypatch.setenv("LEPTON_ALLOW", "fragile")
    (here / "trap").mkdir()
    return here / "trap"


@pytest.fixture
def start(here, monkeypatch):
    """Starts the command in a process and a session of its own, which write to `output`."""
    processes = []

    def start(*arguments, output=here / "output.txt", folder=here):
        variables = {
            "arguments": arguments,
            "folder": str(folder),
            "output": str(output),
            "environment": {k: v for k, v in os.environ.items() if k.startswith(PASSED_VARIABLES)},
            "root": ROOT,
        }
        process = SERVER.Process(target=exec, args=(COMMAND, variables))
        with monkeypatch.context() as patched:
            patched.setenv("PYTHONPATH", ROOT)  # the server imports this lepton, no installed one
            process.start()
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.join()


@pytest.fixture
def command(start, here):
    """Runs the command to its end; gives its exit code and its output."""

    def command(*arguments, folder=here):
        output = here / "output.txt"
        output.unlink(missing_ok=True)
        process = start(*arguments, folder=folder)
        process.join(300)
        return process.exitcode, output.read_text() if output.exists() else ""

    return command


@pytest.fixture
def stopping(monkeypatch):
    """Makes trainings end after so many boundaries of steps and epochs: how many, stops so far."""
    counts = {"left": None, "stops": 0}
    from lepton.training.resume import Resume
    from lepton.training.signals import RECEIVED

    real = Resume.is_due

    def due(self):
        if counts["left"] is not None:
            counts["left"] -= 1
            if not counts["left"]:
                counts["stops"] += 1
                RECEIVED.append(signal.SIGTERM)
        return real(self)

    monkeypatch.setattr(Resume, "is_due", due)
    return counts


@pytest.fixture
def stopped(here, stopping):
    """Trains with a stop after every so many boundaries, going on each time; folder and stops."""

    from lepton.config.check import check
    from lepton.config.compose import compose
    from lepton.config.identity import run_folder
    from lepton.run import train_checked
    from lepton.storage.run_folder import run_status
    from lepton.training.signals import Interrupted

    def stopped(every, *overrides):
        config = check(compose(*overrides, "study=stopped"))
        folder = run_folder(config)
        while True:
            stopping["left"] = every
            try:
                train_checked(config, folder)
            except Interrupted:
                assert [p.name for p in folder.parent.glob("[!.]*")] == [f"{folder.name}.part"]
                assert run_status(folder) == "to do"
            else:
                stopping["left"] = None
                assert [p.name for p in folder.parent.glob("[!.]*")] == [folder.name]
                return folder, stopping["stops"]

    return stopped
