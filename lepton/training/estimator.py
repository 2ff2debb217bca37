"""A model that fits itself, without gradient descent: the same way through a run as a network."""

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lepton import build
from lepton.spec import DataSpec
from lepton.task import Task
from lepton.training import memory


class Estimator:
    """A model with `fit`, `predict`, `save` and `load` of its own."""

    def __init__(self, cfg: dict[str, Any], spec: DataSpec):
        self.task = build.task(cfg, spec)
        self.model = build.component(cfg, "model", spec=spec, seed=cfg["seed"])
        self.history: list[dict[str, float]] = []
        self.device, self.best_epoch = torch.device("cpu"), 0
        self.trained = "alone"

    def fit(self, data, folder: Path, watch=None):
        """Fits anew whatever an earlier process had begun; there are no epochs to watch."""
        memory.start()
        started = time.perf_counter()
        self.model.fit(data.splits["train"], data.splits["val"], weights(self.task))
        self.seconds = time.perf_counter() - started
        return data

    def predict(self, inputs: dict[str, Tensor]) -> Tensor:
        return self.model.predict(inputs)

    def save(self, folder: Path) -> None:
        self.model.save(folder)

    def load(self, folder: Path) -> None:
        self.model.load(folder)

    def sizes(self) -> dict[str, int]:
        return {"parameters": 0, "trainable": 0}

    def facts(self) -> dict[str, float]:
        return {"memory_mb": memory.peak(self.device)}


def weights(task: Task) -> Tensor | None:
    """Class weights as models that fit themselves take them.

    Shapes: (classes,); for multilabel (labels,), of a label's presence against its absence.
    """
    if task.weights is None:
        return None
    if task.name == "multilabel":
        return task.weights[:, 1] / task.weights[:, 0]
    return task.weights[0] if task.name == "binary" else task.weights[:, 1]
