"""MethodTraining: a small training with a method, which can be stopped and gone on with."""

import signal
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lepton.dataset.data import Data
from lepton.errors import Diverged
from lepton.method import Method
from lepton.training.dropout_masks import use_mask_stream
from lepton.training.learner import build_learner
from lepton.training.network import Network
from lepton.training.signals import RECEIVED, Interrupted


class MethodTraining:
    """A training with a method, of a model whose first parameter is frozen before it.

    `prepared` is what `prepare` returned, `before` holds the parameters before the training, and
    `divergence` the message of a training that diverged, else nothing.
    """

    def __init__(
        self,
        method: Method,
        config: dict[str, Any],
        data: Data,
        loaded_weights: dict[str, Any] | None = None,
    ) -> None:
        learner = build_learner(config, data.spec)
        assert isinstance(learner, Network), "methods are for models that are trained by gradients"
        if loaded_weights is not None:
            learner.model.load_state_dict(loaded_weights)
        next(learner.model.parameters()).requires_grad_(False)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.prepared: Any = method.prepare(learner.model, data.spec)
        if isinstance(self.prepared, nn.Module):  # else the property on that says so
            learner.model = self.prepared
            use_mask_stream(learner.model, learner.mask_stream)  # of layers that it put in
        learner.methods = [method]
        self.method, self.learner, self.data = method, learner, data
        self.before = {name: p.detach().clone() for name, p in learner.model.named_parameters()}
        self.divergence = ""

    def fit(self, folder: Path) -> None:
        """Trains, from the folder's checkpoint if there is one."""
        try:
            self.learner.fit(self.data, folder)
        except Diverged as error:
            self.divergence = str(error)

    def fit_until_stopped(self, folder: Path, epoch: int) -> None:
        """Trains until after the first batch of an epoch, and leaves a checkpoint in the folder."""
        self.learner.methods = [self.method, _StopAtEpoch(epoch)]
        try:
            self.learner.fit(self.data, folder)
        except Interrupted:
            pass
        finally:
            RECEIVED.clear()

    def parameter_names(self) -> list[str]:
        """The names of the model's parameters."""
        return [name for name, _ in self.learner.model.named_parameters()]

    def metrics(self) -> list[dict[str, float]]:
        """The metrics of each epoch, without the time that it took."""
        return [
            {name: value for name, value in row.items() if name != "seconds"}
            for row in self.learner.history
        ]


class _StopAtEpoch(Method):
    """Asks the training to end, as a signal does, when an epoch begins."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch(self, model: nn.Module, epoch: int) -> None:
        if epoch == self.epoch:
            RECEIVED.append(signal.SIGTERM)
