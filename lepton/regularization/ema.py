"""EMA: an exponential moving average of the weights."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lepton.compat.lightning import pl
from lepton.compat.torch import move_all_towards_
from lepton.errors import ConfigError
from lepton.method import Method, StackedMethod
from lepton.values.bounds import From0Below1

if TYPE_CHECKING:
    from lepton.vectorize.stack import Stack


class EMA(Method):
    """Averages the weights over steps; validation and the trained model use the average.

    Buffers, as BatchNorm's statistics, are the trained model's own.
    Source: Polyak and Juditsky 1992, https://doi.org/10.1137/0330046; the warm-up of the decay is
        https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage
    """

    stackable = ("decay",)
    averages_weights = True

    def __init__(self, *, decay: From0Below1):
        if not 0 <= decay < 1:
            raise ConfigError(f"regularization.ema.decay: {decay} is not in [0, 1)")
        self.decay = decay
        self.steps = 0
        self.average: dict[str, Tensor] = {}
        self.trained_values: list[Tensor] = []  # while the average is in the model
        self.parameters: list[Tensor] = []

    def before_step(self, model: nn.Module, optimizer: Optimizer) -> None:
        if not self.parameters:
            self.start(model)

    @torch.no_grad()
    def after_step(self, model: nn.Module, optimizer: Optimizer) -> None:
        decay = min(self.decay, max_decay(self.steps))
        move_all_towards_(list(self.average.values()), self.parameters, 1 - decay)
        self.steps += 1

    def start(self, model: nn.Module) -> None:
        """Averages from this model's weights on, or from a restored average."""
        named = dict(model.named_parameters())
        first = self.average or {name: p.detach().clone() for name, p in named.items()}
        self.average = {name: first[name].to(p) for name, p in named.items()}
        self.parameters = list(named.values())

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

    @classmethod
    def stacked(cls, members: Sequence[Self]) -> StackedMethod:
        return StackedEMA(members)


def _copy(targets: Iterable[Tensor], values: Iterable[Tensor]) -> None:
    """Copies one by one, which works for shares of weights on several devices too."""
    for target, value in zip(targets, values, strict=True):
        target.copy_(value)


def max_decay(steps: int) -> float:
    """The largest decay after so many steps: it grows, so that the first weights are forgotten."""
    return (1 + steps) / (10 + steps)


class StackedEMA(StackedMethod):
    """The averages of all members."""

    def __init__(self, members: Sequence[EMA]):
        super().__init__(members)
        self.average: list[Tensor] = []

    def before_step(self, stack: "Stack") -> None:
        if not self.average:
            self.average = stack.weights.copy()

    @torch.no_grad()
    def after_step(self, stack: "Stack") -> None:
        values = stack.weights.values
        share = 1 - self.column("decay", values[0]).clamp(max=max_decay(stack.optimizer.steps - 1))
        for average, value in zip(self.average, values, strict=True):
            average.lerp_(value, share)

    def weights(self, stack: "Stack") -> list[Tensor] | None:
        return self.average

    def tensors(self) -> dict[str, Tensor]:
        return {f"{i}": average for i, average in enumerate(self.average)}

    def put(self, tensors: dict[str, Tensor]) -> None:
        self.average = [tensors[f"{i}"] for i in range(len(tensors))]


class SwapAverage(pl.Callback):
    """Validates with the average, and keeps it in checkpoints."""

    def __init__(self, ema: EMA):
        self.ema = ema

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for optimizer in trainer.optimizers:
            if hasattr(optimizer, "eval"):
                raise ConfigError(
                    f"regularization.ema: {type(optimizer).__name__} averages the weights itself; "
                    "choose another optimizer or leave ema out"
                )
        self.ema.start(pl_module.get_submodule("model"))

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.ema.swap_in()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.ema.swap_out()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.ema.finish()

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.ema.steps, "average": self.ema.average}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.ema.steps, self.ema.average = state_dict["steps"], state_dict["average"]
