"""Early stopping."""

import torch

from lepton.compat.lightning import EarlyStopping as Stopper
from lepton.compat.lightning import pl, stops_after
from lepton.errors import ConfigError
from lepton.method import Method, StackedMethod


class EarlyStopping(Method):
    """Ends training when the task's monitor has not improved for `patience` epochs.

    Watches `val/score`: the monitor, negated where smaller is better.
    Source: Prechelt 1998, https://doi.org/10.1007/3-540-49430-8_3
    """

    stackable = ("patience", "min_delta")

    def __init__(self, *, patience: int, min_delta: float):
        if patience < 1:
            raise ConfigError(
                f"regularization.early_stopping.patience: {patience} epochs; at least 1 is needed"
            )
        if min_delta < 0:
            raise ConfigError(
                f"regularization.early_stopping.min_delta: {min_delta} is negative; "
                "0 counts any gain"
            )
        self.patience, self.min_delta = patience, min_delta

    def callbacks(self) -> list[pl.Callback]:
        return [self.stopper()]

    def stopper(self) -> Stopper:
        return Stopper(
            monitor="val/score",
            mode="max",
            patience=self.patience,
            min_delta=self.min_delta,
            check_on_train_epoch_end=False,
        )

    @classmethod
    def stacked(cls, members) -> StackedMethod:
        return StackedStopping(members)


class StackedStopping(StackedMethod):
    """A stopper a member, told the score as Lightning would tell it: in the default float type."""

    def __init__(self, members):
        super().__init__(members)
        self.stoppers = [member.stopper() for member in members]

    def stops(self, scores) -> list[bool]:
        told = zip(self.stoppers, map(torch.tensor, scores), strict=True)
        return [stops_after(stopper, score) for stopper, score in told]

    def keep(self, rows) -> None:
        super().keep(rows)
        self.stoppers = [self.stoppers[row] for row in rows.tolist()]
