"""The contract of methods: they train, move what may move, and keep the best epoch's model."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.dataset.data import Data
from lepton.errors import Diverged
from lepton.method import Method
from lepton.metric.scoring import monitor_value
from lepton.testing.contract import Contract, shared
from lepton.training.learner import build_learner
from lepton.training.network import Network

# a method is tried on this table, and by this training, where no overrides say otherwise
SMALL_TABLE = ("dataset=synthetic", "dataset.rows=240")
SHORT_TRAINING = (
    *("batch_size=32", "model=mlp_small", "regularization=none"),
    *("trainer=cpu", "trainer.max_epochs=3", "trainer.progress=false"),
)


@dataclass
class Training:
    """A training with a method, of a model whose first parameter was frozen before it."""

    method: Method
    prepared: Any  # what `prepare` returned
    learner: Network
    data: Data
    before: dict[str, Tensor]  # the parameters before the training
    divergence: str  # the message of a training that diverged; else empty


class MethodContract(Contract):
    """The contract of a method: a regularizer, an augmentation or a fine-tuning strategy.

    A subclass defines `build(self)`. The method trains a small model, whose first parameter is
    frozen, on a made-up table; `overrides`, the words of a command line, choose other ones, as
    ("model=resnet", "dataset.classes=3").
    """

    overrides: Sequence[str] = ()

    def build(self) -> Method:
        """The method, as new."""
        raise NotImplementedError("a MethodContract needs build(self), which returns a method")

    @shared
    def training(self) -> Training:
        """The training that the properties are about."""
        has_data = any(override.startswith("dataset=") for override in self.overrides)
        config = check(
            compose(*(() if has_data else SMALL_TABLE), *SHORT_TRAINING, *self.overrides)
        )
        data = build.data(config)
        learner = build_learner(config, data.spec)
        assert isinstance(learner, Network), "methods are for models that are trained by gradients"
        next(learner.model.parameters()).requires_grad_(False)
        method = self.build()
        prepared = method.prepare(learner.model, data.spec)
        if isinstance(prepared, nn.Module):  # else the property on that says so
            learner.model = prepared
        learner.methods = [method]
        before = {name: p.detach().clone() for name, p in learner.model.named_parameters()}
        divergence = ""
        with tempfile.TemporaryDirectory() as folder:
            try:
                learner.fit(data, Path(folder))
            except Diverged as error:
                divergence = str(error)
        return Training(method, prepared, learner, data, before, divergence)

    def test_prepare_returns_the_model_to_train(self) -> None:
        """`prepare` returns a network, be it the one that it was given."""
        prepared = self.training().prepared
        assert isinstance(prepared, nn.Module), (
            f"prepare must return the model to train; it returned {prepared!r}"
        )

    def test_stackable_names_attributes(self) -> None:
        """Every name in `stackable` is an attribute of the method."""
        method = self.training().method
        absent = [name for name in method.stackable if not hasattr(method, name)]
        assert not absent, (
            f"stackable must name attributes, called as in YAML; {absent} are none of "
            f"{type(method).__name__}"
        )

    def test_the_training_loss_is_finite(self) -> None:
        """The loss, with the method's penalty, is a finite number in every step."""
        divergence = self.training().divergence
        assert not divergence, f"the training loss must be finite; the {divergence}"

    def test_training_keeps_the_parameters_there_are(self) -> None:
        """Once training has begun, no parameter is added or removed."""
        training = self.training()
        before, after = [*training.before], [*dict(training.learner.model.named_parameters())]
        assert after == before, (
            "training must not change which parameters there are; "
            f"{sorted({*before} ^ {*after})} came or went"
        )

    def test_trainable_parameters_move(self) -> None:
        """Training changes every parameter that is not frozen."""
        still = [name for name, trainable, moved in self._parameters() if trainable and not moved]
        assert not still, f"trainable parameters must move; {still} did not"

    def test_frozen_parameters_stay(self) -> None:
        """Training leaves frozen parameters as they are."""
        drifted = [name for name, trainable, moved in self._parameters() if moved and not trainable]
        assert not drifted, f"frozen parameters must not move; {drifted} did"

    def test_the_model_that_stays_scores_as_in_its_epoch(self) -> None:
        """The trained model scores on validation as the best epoch's record says."""
        learner, data = self.training().learner, self.training().data
        if not learner.history:  # it diverged, which is another property's to say
            return
        task, rows = learner.task, data.splits["val"]
        prediction = learner.predict(rows)
        after = monitor_value(prediction, rows["target"], task=task.name, metric=task.monitor)
        before = learner.history[learner.best_epoch][f"val/{task.monitor}"]
        assert abs(after - before) <= 1e-5 * max(1, abs(before)), (
            f"the model kept must score as in its epoch, without the method's doing: "
            f"{task.monitor} was {before}, and is {after} after training"
        )

    def _parameters(self) -> list[tuple[str, bool, bool]]:
        """The name of each parameter, true if it is trainable, and true if it has moved."""
        before = self.training().before
        return [
            (name, parameter.requires_grad, not torch.equal(parameter, before[name]))
            for name, parameter in self.training().learner.model.named_parameters()
            if name in before
        ]


class _MethodCheck(MethodContract):
    """The contract of one method."""

    def __init__(self, method: Method, overrides: Sequence[str]) -> None:
        self.method, self.overrides = method, overrides

    def build(self) -> Method:
        return self.method


def check_method(method: Method, *overrides: str) -> None:
    """Holds a method to MethodContract; `overrides` choose what is trained, as on a command line.

    Raises: AssertionError of the first property that is broken.
    """
    _MethodCheck(method, overrides).check()
