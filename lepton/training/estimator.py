"""Estimator: a model that fits itself, on the same way through a run as a network."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from lepton import build
from lepton.dataset.data import Data, Rows
from lepton.dataset.load.target_digits import with_target_to_learn
from lepton.errors import ConfigError
from lepton.spec import DataSpec
from lepton.task import TASKS
from lepton.training import memory
from lepton.training.architecture import save_architecture
from lepton.training.module import Watch


class SelfFittingModel(Protocol):
    """A model that fits itself: `model._target_` of a class that has a method `fit`.

    Rows are tensors by name, `target` and `id` and those of the kinds of inputs that it reads: of a
    table `num` (N, F) and `cat` (N, C), of texts an array `texts` (N, columns).
    It is built with `spec` and `seed` beside its keys. A class may say in `tasks` which tasks it
    knows, where these are not lepton's with a target; one that heeds the key `weight` (N,) of
    rows, which `dataset.weight` gives, says `weighs_rows = True`. `facts()` may add to
    `Learner.facts`. One that has `fit_whole(train, weights, folds)` can be validated inside of the
    training rows: with what the fitted models of folds chose it is then fitted to all of them, and
    others to those of each fold, which predict what is left out of it. One whose folds choose
    nothing says `chooses = False`, and these predict themselves. One that learns by iterations may
    leave in `history` a row for each, and in `best_epoch` the one that it predicts from, as
    networks have them of epochs.
    """

    def fit(self, train: Rows, val: Rows, weights: Tensor | None) -> None:
        """Fits the training rows; validation rows may stop it early.

        Shapes: weights (classes,), for multilabel (labels,) of a label's presence; None for none.
        """
        ...

    def predict(self, inputs: Rows) -> Tensor:
        """Probabilities, or for regression values in the target's own unit.

        Shapes: binary and regression (N,), multiclass (N, classes), multilabel (N, labels).
        """
        ...

    def save(self, folder: Path) -> None:
        """Writes what was learned into the run folder, into files called `model.*`, no pickles."""
        ...

    def load(self, folder: Path) -> None:
        """Reads what `save` wrote."""
        ...


class Estimator:
    """A model with `fit`, `predict`, `save` and `load` of its own, trained without gradients."""

    def __init__(self, config: dict[str, Any], spec: DataSpec):
        self.task = build.task(config, spec)
        self.model: SelfFittingModel = build.component(
            config, "model", spec=spec, seed=config["seed"]
        )
        known = getattr(self.model, "tasks", TASKS)
        if self.task.name not in known:
            raise ConfigError(
                f"task, model: task {self.task.name} needs a network or another model; "
                f"model={config['choices'].get('model', '?')} knows {', '.join(known)}"
            )
        self.history: list[dict[str, float]] = []
        self.device, self.best_epoch = torch.device("cpu"), 0
        self.trained_as, self.seconds = "alone", 0.0

    def fit(self, data: Data, folder: Path, watch: Watch | None = None) -> Data:
        """Fits from the start, whatever an earlier process began; there are no epochs to watch."""
        memory.reset_peak()
        started = time.perf_counter()
        train, val = (with_target_to_learn(data.splits[s], data.spec) for s in ("train", "val"))
        self.model.fit(train, val, self.task.estimator_weights())
        self.task.finish(self.model, val)
        self._take_history()
        self.seconds = time.perf_counter() - started
        return data

    def fit_whole(self, data: Data, folds: Sequence["Estimator"]) -> None:
        """Fits all training rows, with what others chose on folds of them."""
        began = time.perf_counter()
        train = with_target_to_learn(data.splits["train"], data.spec)
        models = [fold.model for fold in folds]
        self.model.fit_whole(train, self.task.estimator_weights(), models)  # type: ignore[attr-defined]
        self._take_history()
        self.seconds = time.perf_counter() - began

    @property
    def chooses(self) -> bool:
        """True where folds choose what `fit_whole` goes by."""
        return bool(getattr(self.model, "chooses", True))

    def _take_history(self) -> None:
        self.history = list(getattr(self.model, "history", []))
        self.best_epoch = int(getattr(self.model, "best_epoch", 0))

    def predict(self, inputs: Rows) -> Tensor:
        """Predictions for whole tensors, or for an array of texts."""
        return self.model.predict(inputs)

    def validate(self, rows: Rows) -> tuple[Tensor, list[Any]]:
        """What is kept of the predictions for a split, and the task's state of all of it."""
        prediction = self.predict(rows)
        return self.task.keep(prediction), [self.task.validate(prediction, rows)]

    def save(self, folder: Path) -> None:
        """Writes what the model learned, and what a pretrained network inside is built of."""
        save_architecture(self.model, folder)
        self.model.save(folder)

    def load(self, folder: Path) -> None:
        """Reads what `save` wrote."""
        self.model.load(folder)

    def sizes(self) -> dict[str, int]:
        """Zeros: the model has no parameters that gradients train."""
        return {"parameters": 0, "trainable": 0}

    def facts(self) -> dict[str, Any]:
        """Entries of a result about the training, beside its scores."""
        own = getattr(self.model, "facts", dict)()
        return {**own, "memory_mb": memory.peak(self.device)}
