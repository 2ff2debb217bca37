"""One run of a stack: its job, its folder, and what its history will say."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from lepton.evaluate import monitor_value
from lepton.network import Network


@dataclass
class Member:
    """What of a run is its own while the stack trains; `told` is the score as Lightning rounds it."""

    network: Network
    folder: Path
    score: float = -math.inf
    best_score: float = -math.inf
    seconds: float = 0.0
    values: dict[str, float] = field(default_factory=dict)

    def validated(self, prediction: Tensor, target: Tensor, epoch: int) -> None:
        """Scores an epoch."""
        task = self.network.task
        value = monitor_value(prediction, target, task=task.name, metric=task.monitor)
        self.score = value if task.larger_is_better else -value
        named = {f"val/{task.monitor}": value, "val/score": self.score}
        self.values = {name: float(torch.tensor(number)) for name, number in named.items()}
        self.is_best = self.score > self.best_score
        if self.is_best:
            self.best_score, self.network.best_epoch = self.score, epoch

    @property
    def told(self) -> float:
        return self.values["val/score"]

    @property
    def at_end(self) -> bool:
        return len(self.network.history) == self.network.cfg["trainer"]["max_epochs"]

    def record(self, epoch: int, *, loss: float, lr: float, seconds: float) -> None:
        """The row that an epoch has in the history of a run alone."""
        row = {"epoch": epoch, **self.values, "train/loss": loss, "lr": lr, "seconds": seconds}
        self.network.history.append(row)
        self.seconds += seconds
