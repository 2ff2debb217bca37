"""EarlyStopping: ends a training whose validation score no longer improves."""

import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from lepton.compat.lightning import EarlyStopping as Stopper
from lepton.compat.lightning import pl, stops_after
from lepton.errors import ConfigError
from lepton.method import Method, StackedMethod
from lepton.values.bounds import AtLeast0, NotBelow0


class EarlyStopping(Method):
    """Ends training when the task's monitor has not improved for `patience` epochs; None: never.

    Watches `val/score`: the monitor, negated where smaller is better. Epochs in which other methods
    still grow to their strength do not count.
    Source: Prechelt 1998, https://doi.org/10.1007/3-540-49430-8_3
    """

    stackable = ("patience", "min_delta")

    def __init__(self, *, patience: AtLeast0 | None, min_delta: NotBelow0):
        if patience is not None and patience < 1:
            raise ConfigError(
                f"regularization.early_stopping.patience: {patience} epochs; at least 1 is needed"
            )
        if min_delta < 0:
            raise ConfigError(
                f"regularization.early_stopping.min_delta: {min_delta} is negative; "
                "0 counts any gain"
            )
        self.patience = math.inf if patience is None else patience
        self.min_delta = min_delta

    def callbacks(self) -> list[pl.Callback]:
        stopper = self.stopper()
        return [] if stopper is None else [stopper]

    def stopper(self) -> "StopperFrom | None":
        """A new callback of Lightning's with these values; None where nothing ends training."""
        if self.patience == math.inf:
            return None
        return StopperFrom(
            self.first_candidate,
            monitor="val/score",
            mode="max",
            patience=int(self.patience),
            min_delta=self.min_delta,
            check_on_train_epoch_end=False,
        )

    @classmethod
    def stacked(cls, members: Sequence[Self]) -> StackedMethod:
        return StackedEarlyStopping(members)


class StopperFrom(Stopper):
    """Lightning's callback, which looks at no epoch before the first that counts."""

    checkpoint_name = "EarlyStopping"  # as of Lightning's own, which runs of earlier versions saved

    def __init__(self, first_epoch: int, **settings: Any):
        super().__init__(**settings)
        self.first_epoch = first_epoch

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch >= self.first_epoch:
            super().on_validation_end(trainer, pl_module)


class StackedEarlyStopping(StackedMethod):
    """A stopper for each member; it gets scores in the default float type, as from Lightning."""

    def __init__(self, members: Sequence[EarlyStopping]):
        super().__init__(members)
        self.stoppers = [member.stopper() for member in members]
        self.epoch = -1

    def stops(self, scores: Sequence[float]) -> list[bool]:
        self.epoch += 1
        pairs = zip(self.stoppers, map(torch.tensor, scores), strict=True)
        return [
            s is not None and self.epoch >= s.first_epoch and stops_after(s, score)
            for s, score in pairs
        ]

    def keep(self, rows: Tensor) -> None:
        super().keep(rows)
        self.stoppers = [self.stoppers[row] for row in rows.tolist()]
