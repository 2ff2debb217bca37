"""Training that costs nothing: a stand-in that writes what a formula says of a config."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

import lepton.run
from lepton.errors import Diverged, Pruned
from lepton.storage.results import Result, read_result, save_result
from lepton.storage.run_folder import write_config
from lepton.storage.run_writing import writing_run
from lepton.sweep.multirun import multirun

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
        with writing_run(folder) as part:
            write_config(plain, part)
            self._write(plain, part, folder.name, watch)
        return read_result(folder)

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
        save_result(_result(plain, name, scores), part)


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
