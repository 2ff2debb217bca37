"""A model that fits itself, without gradient descent: the same way through a run as a network."""

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lepton import build
from lepton.spec import DataSpec


class Estimator:
    """A model with `fit`, `predict`, `save` and `load` of its own."""

    def __init__(self, cfg: dict[str, Any], spec: DataSpec):
        self.task = build.task(cfg, spec)
        self.model = build.make(cfg["model"], spec=spec, seed=cfg["seed"])
        self.history: list[dict[str, float]] = []
        self.device, self.best_epoch = torch.device("cpu"), 0

    def fit(self, data, folder: Path) -> None:
        started = time.perf_counter()
        self.model.fit(data.splits["train"], data.splits["val"], self.task.class_weights)
        self.seconds = time.perf_counter() - started

    def predict(self, inputs: dict[str, Tensor]) -> Tensor:
        return self.model.predict(inputs)

    def save(self, folder: Path) -> None:
        self.model.save(folder)

    def load(self, folder: Path) -> None:
        self.model.load(folder)

    def sizes(self) -> dict[str, int]:
        return {"parameters": 0, "trainable": 0}
