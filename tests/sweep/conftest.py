"""A stand-in for training that costs nothing: it writes the score that a formula gives."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

import lepton.run
from lepton import load
from lepton.errors import Diverged, Pruned
from lepton.storage.results import Result, read_result, save_result
from lepton.storage.run_folder import write_config
from lepton.storage.run_writing import writing_run
from lepton.sweep.multirun import multirun

SPACE = ("optimizer.lr=tag(log,interval(1e-4,1e-1))", "model.dropout=interval(0,0.5)")
SEARCH = ("hydra/sweeper=search", "hydra/launcher=basic", "dataset=wine", "model=mlp_small")


def score(config):
    """A hill: best at a learning rate of 0.01 and a dropout of 0.2, a little worse for adamw."""
    distance = math.log10(config["optimizer"]["lr"]) + 2
    penalty = 0.1 if config["choices"]["optimizer"] == "adamw" else 0.0
    return (
        -(distance**2) - (config["model"]["dropout"] - 0.2) ** 2 - penalty - 0.01 * config["seed"]
    )


@dataclass
class Training:
    """Stands in for training: notes each config in order, and fails where it is told to."""

    configs: list = field(default_factory=list)
    stop_after: float = math.inf  # runs until the process is interrupted
    fail: object = lambda config: False
    diverge: object = lambda config: False
    epochs: int = 1
    curve: object = None  # (config, epoch) -> score; the last is the run's

    def __call__(self, config, folder, watch=None):
        if len(self.configs) >= self.stop_after:
            raise KeyboardInterrupt
        self.configs.append(config)
        with writing_run(folder) as unfinished:
            write_config(config, unfinished)
            self._write(config, unfinished, folder.name, watch)
        return read_result(folder)

    def _write(self, config, unfinished, name, watch):
        if self.diverge(config):
            raise Diverged("loss is nan")
        if self.fail(config):
            raise RuntimeError("no luck")
        scores = []
        for epoch in range(self.epochs):
            scores.append(self.curve(config, epoch) if self.curve else score(config))
            if watch and watch(epoch, scores[-1]):
                raise Pruned(epoch, scores)
        pd.DataFrame({"val/score": scores}).to_parquet(unfinished / "history.parquet")
        save_result(_result(config, name, scores), unfinished)


def _result(config, name, scores):
    metrics = {"val/auroc": config["model"]["dropout"], "val/log_loss": -max(scores)}
    return Result(
        run=name,
        metrics=metrics | {"test/auroc": 0.5},
        constant={"test/auroc": 0.5},
        score=max(scores),
        seconds=0.1,
        epochs=len(scores),
        best_epoch=scores.index(max(scores)),
        parameters=int(1e4 * config["optimizer"]["lr"]),
        trainable=1,
        rows={"train": 1},
        cleaning=[],
        choices=config["choices"],
        config=config,
    )


@pytest.fixture
def training(here, monkeypatch):
    """The stand-in, in place of training, in an empty folder."""
    training = Training()
    monkeypatch.setattr(lepton.run, "train_checked", training)
    return training


@pytest.fixture
def search(training):
    """Runs a search, whose defaults the overrides replace by key; gives the trained points."""

    def search(*overrides, space=SPACE):
        by_key = {
            override.partition("=")[0]: override for override in (*SEARCH, *space, *overrides)
        }
        trained_before = len(training.configs)
        multirun([*by_key.values()])
        return [point(config) for config in training.configs[trained_before:]]

    return search


def comparable_table(name):
    """The table of a study without the columns that depend on how it came about."""
    frame = load(name).sort_values("run", ignore_index=True)
    return frame.drop(columns=["seconds", "memory_mb", "folder", "study"])


def point(config):
    """The values of a config that the searches of these tests propose."""
    return (
        config["choices"]["optimizer"],
        config["optimizer"]["lr"],
        config["model"]["dropout"],
    )


@pytest.fixture
def study():
    return lambda name="default": Path("runs") / name
