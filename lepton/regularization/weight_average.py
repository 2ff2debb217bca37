"""WeightAverage: the base of methods that validate with, and end with, an average of weights."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from lepton.compat.lightning import pl
from lepton.errors import ConfigError
from lepton.method import Method


class WeightAverage(Method):
    """Holds an average of the weights, and puts it into the model while that is validated.

    `steps` counts what was averaged.
    """

    averages_weights = True

    def __init__(self) -> None:
        self.steps = 0
        self.average: dict[str, Tensor] = {}
        self.trained_values: list[Tensor] = []  # while the average is in the model
        self.parameters: list[Tensor] = []

    def start(self, model: nn.Module) -> None:
        """Averages from this model's weights on, or from a restored average."""
        named = dict(model.named_parameters())
        first = self.average or {name: p.detach().clone() for name, p in named.items()}
        self.average = {name: first[name].to(p) for name, p in named.items()}
        self.parameters = list(named.values())

    def end_epoch(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Is called when an epoch is trained, before its weights are validated."""

    @torch.no_grad()
    def swap_in(self) -> None:
        """Puts the average into the model, if there is one yet."""
        self.trained_values = [p.clone() for p in self.parameters]
        if self.parameters:
            _copy(self.parameters, self.average.values())

    @torch.no_grad()
    def swap_out(self) -> None:
        """Puts the trained weights back into the model."""
        if self.trained_values:
            _copy(self.parameters, self.trained_values)
        self.trained_values = []

    def finish(self) -> None:
        """Leaves the average in the model and forgets it, so that nothing is swapped any more."""
        self.swap_in()
        self.steps, self.average, self.trained_values, self.parameters = 0, {}, [], []

    def callbacks(self) -> list[pl.Callback]:
        return [SwapAverage(self)]


def _copy(targets: Iterable[Tensor], values: Iterable[Tensor]) -> None:
    """Copies one by one, which works for shares of weights on several devices too."""
    for target, value in zip(targets, values, strict=True):
        target.copy_(value)


class SwapAverage(pl.Callback):
    """Validates with the average, and keeps it in checkpoints."""

    def __init__(self, method: WeightAverage):
        self.method = method

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for optimizer in trainer.optimizers:
            if hasattr(optimizer, "eval"):
                option = type(self.method).__name__.lower()
                raise ConfigError(
                    f"regularization.{option}: {type(optimizer).__name__} averages the weights "
                    f"itself; choose another optimizer or leave {option} out"
                )
        self.method.start(pl_module.get_submodule("model"))

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.sanity_checking:
            self.method.end_epoch(trainer, pl_module)
        self.method.swap_in()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.method.swap_out()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.method.finish()

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.method.steps, "average": self.method.average}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.method.steps, self.method.average = state_dict["steps"], state_dict["average"]
