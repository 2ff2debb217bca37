"""Runs that do as they are told: a model that dies on request, and training that costs nothing."""

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

import lepton.run
from lepton.errors import Diverged, Pruned
from lepton.storage import results
from lepton.storage.results import Result
from lepton.sweep.multirun import multirun

MODEL = '''"""A user's model that does what the file named like its seed says, when there is one."""

import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

from torch import nn


def hang():
    child = subprocess.Popen(["sleep", "600"])
    Path("pids").write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)


def memory():
    raise MemoryError("no room")


def full():
    raise OSError(28, os.strerror(28))


DEATHS = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": lambda: ctypes.string_at(0),
    "exit": lambda: os._exit(3),
    "quiet": lambda: os._exit(0),
    "memory": memory,
    "full": full,
    "hang": hang,
    "speak": lambda: (print("half a", end=" "), print("line"), os.system("echo from below")),
    "nap": lambda: time.sleep(0.3),
    "where": lambda: Path("where").write_text(f"{os.getcwd()} {os.environ.get('TOLD')}"),
}


class Deadly(nn.Module):
    def __init__(self, *, spec, draw: int):
        super().__init__()
        word = Path("trap", str(draw))
        if word.exists():
            with open("tries", "a") as tries:
                print(draw, file=tries)
            how, _, once = word.read_text().partition(" ")
            if once:
                word.unlink()
            DEATHS[how]()
        self.layer = nn.Linear(len(spec.num_features), spec.outputs)

    def forward(self, batch):
        return self.layer(batch["num"])
'''
OPTION = """# Does as it is told.
_target_: deadly.Deadly
draw: ${seed}    # the run's seed
"""


@pytest.fixture
def trap(here, monkeypatch):
    """Tells the run of a seed how to die: trap(2, "kill"), or trap(2, "kill once")."""
    (here / "deadly.py").write_text(MODEL)
    (here / "conf" / "model").mkdir(parents=True)
    (here / "conf" / "model" / "deadly.yaml").write_text(OPTION)
    (here / "trap").mkdir()
    monkeypatch.setenv("LEPTON_ALLOW", "deadly")
    monkeypatch.syspath_prepend(str(here))
    return lambda seed, how: (here / "trap" / str(seed)).write_text(how)


@pytest.fixture
def gone():
    """Whether a process has ended, or does within seconds."""

    def gone(pid):
        """Whether a process has ended, within seconds."""
        for _ in range(100):
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                return True
            if state == "Z":
                return True
            time.sleep(0.1)
        return False

    return gone


SPACE = ("optimizer.lr=tag(log,interval(1e-4,1e-1))", "model.dropout=interval(0,0.5)")
WORDS = ("hydra/sweeper=search", "hydra/launcher=basic", "dataset=wine", "model=mlp_small")


def score(config):
    """A hill: best at a learning rate of 0.01 and a dropout of 0.2, a little worse for adamw."""
    off = math.log10(config["optimizer"]["lr"]) + 2
    worse = 0.1 if config["choices"]["optimizer"] == "adamw" else 0.0
    return -(off**2) - (config["model"]["dropout"] - 0.2) ** 2 - worse - 0.01 * config["seed"]


@dataclass
class Training:
    """What is trained, in order, and what is to go wrong."""

    configs: list = field(default_factory=list)
    stop_after: float = math.inf  # runs until the process is interrupted
    fail: object = lambda config: False
    diverge: object = lambda config: False
    epochs: int = 1
    curve: object = None  # (config, epoch) -> score; the last is the run's

    def __call__(self, plain, folder, watch=None):
        if len(self.configs) >= self.stop_after:
            raise KeyboardInterrupt
        self.configs.append(plain)
        with results.writing(folder) as part:
            results.write_config(plain, part)
            self._write(plain, part, folder.name, watch)
        return results.read(folder)

    def _write(self, plain, part, name, watch):
        if self.diverge(plain):
            raise Diverged("loss is nan")
        if self.fail(plain):
            raise RuntimeError("no luck")
        scores = []
        for epoch in range(self.epochs):
            scores.append(self.curve(plain, epoch) if self.curve else score(plain))
            if watch and watch(epoch, scores[-1]):
                raise Pruned(epoch, scores)
        pd.DataFrame({"val/score": scores}).to_parquet(part / "history.parquet")
        results.save(_result(plain, name, scores), part)


def _result(plain, name, scores):
    metrics = {"val/auroc": plain["model"]["dropout"], "val/log_loss": -max(scores)}
    return Result(
        run=name,
        metrics=metrics | {"test/auroc": 0.5},
        constant={"test/auroc": 0.5},
        score=max(scores),
        seconds=0.1,
        epochs=len(scores),
        best_epoch=scores.index(max(scores)),
        parameters=int(1e4 * plain["optimizer"]["lr"]),
        trainable=1,
        rows={"train": 1},
        cleaning=[],
        choices=plain["choices"],
        config=plain,
    )


@pytest.fixture
def training(here, monkeypatch):
    """The stand-in, in place of training, in an empty folder."""
    training = Training()
    monkeypatch.setattr(lepton.run, "train_checked", training)
    return training


@pytest.fixture
def search(training):
    """A search from words, further ones replacing those of the same key; gives what was trained."""

    def search(*words, space=SPACE):
        given = {word.partition("=")[0]: word for word in (*WORDS, *space, *words)}
        before = len(training.configs)
        multirun([*given.values()])
        return [point(config) for config in training.configs[before:]]

    return search


def point(config):
    return (
        config["choices"]["optimizer"],
        config["optimizer"]["lr"],
        config["model"]["dropout"],
    )


@pytest.fixture
def study():
    return lambda name="default": Path("runs") / name
