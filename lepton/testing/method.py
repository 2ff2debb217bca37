"""The contract of methods: what training with one moves, keeps, and can go on with."""

import copy
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.dataset.data import Data
from lepton.dataset.load.batches import TrainingBatches
from lepton.groups import METHOD_GROUPS
from lepton.method import Method
from lepton.metric.scoring import monitor_value
from lepton.testing.contract import Contract, shared
from lepton.testing.method_training import MethodTraining
from lepton.testing.method_trials import failure_as_stack, moved_generators
from lepton.training.learner import build_network
from lepton.vectorize.grouping import has_stacked_form, obstacle_to_stacking

# a method is tried on this table, and by this training, where no overrides say otherwise
SMALL_TABLE = ("dataset=synthetic", "dataset.rows=240")
SHORT_TRAINING = (
    *("batch_size=32", "model=mlp_small", *(f"{group}=none" for group in METHOD_GROUPS)),
    *("trainer=cpu", "trainer.max_epochs=3", "trainer.progress=false"),
)
STACK_TOLERANCE = 1e-6  # of a prediction, in 64 bits


class MethodContract(Contract):
    """The contract of a method: a regularizer, an augmentation or a fine-tuning strategy.

    A subclass defines `build(self)`. The method trains a small model, whose first parameter is
    frozen, on a made-up table; `overrides`, the words of a command line, choose other ones, as
    ("model=resnet", "dataset.classes=3"). `stack_overrides` are further ones where the run is
    compared with a member of a stack, as of an optimizer that does not scale rounding up.
    """

    overrides: Sequence[str] = ()
    stack_overrides: Sequence[str] = ()

    def build(self) -> Method:
        """The method, as new."""
        raise NotImplementedError("a MethodContract needs build(self), which returns a method")

    @shared
    def training(self) -> MethodTraining:
        """The training that the properties are about."""
        training = self._start()
        with tempfile.TemporaryDirectory() as folder:
            training.fit(Path(folder))
        return training

    @shared
    def _config_and_data(self) -> tuple[dict[str, Any], Data]:
        config = self._config()
        return config, build.data(config)

    def _config(self, *overrides: str) -> dict[str, Any]:
        """The checked config of the small training, with further overrides."""
        has_data = any(override.startswith("dataset=") for override in self.overrides)
        table = () if has_data else SMALL_TABLE
        return check(compose(*table, *SHORT_TRAINING, *self.overrides, *overrides))

    def _start(self) -> MethodTraining:
        """A training that has not begun, the same each time."""
        return MethodTraining(self.build(), *self._config_and_data())

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

    def test_a_stopped_training_goes_on_exactly(self) -> None:
        """A training that was stopped in the middle of an epoch ends as an unbroken one."""
        unbroken = self.training()
        if unbroken.divergence or unbroken.parameter_names() != [*unbroken.before]:
            return  # another property's to say
        resumed = self._start()
        with tempfile.TemporaryDirectory() as folder:
            epoch = len(unbroken.learner.history) // 2
            self._start().fit_until_stopped(Path(folder), epoch)
            resumed.fit(Path(folder))
        weights = unbroken.learner.model.state_dict()
        differing = [
            name
            for name, values in resumed.learner.model.state_dict().items()
            if not torch.equal(values, weights[name])
        ]
        assert not differing, (
            "a training that was stopped must go on as if it had not been, so what a method "
            "remembers belongs into the state_dict of one of its callbacks; "
            f"{differing} differ at the end"
        )
        assert resumed.metrics() == unbroken.metrics(), (
            "a training that was stopped must have the metrics of an unbroken one, "
            f"{unbroken.metrics()}; it has {resumed.metrics()}"
        )

    def test_it_draws_from_its_own_stream_alone(self) -> None:
        """The hooks of a batch leave the random numbers of torch, numpy and random where they are.

        They would differ in a stack, and after a stop; `draw` gives those that do not.
        """
        start = self._start()
        methods, start.learner.methods = start.learner.methods, []
        of_others = moved_generators(start.learner, start.data)
        start.learner.methods = methods
        moved = sorted(moved_generators(start.learner, start.data) - of_others)
        assert not moved, (
            "on_batch, loss and penalty must draw random numbers from `draw` alone, which is the "
            f"run's own; they drew from {' and '.join(moved)}"
        )

    def test_a_member_of_a_stack_ends_as_the_run_alone(self) -> None:
        """A run that is trained with another as one, where it can be, predicts as alone."""
        config, (_, data) = self._config(*self.stack_overrides), self._config_and_data()
        method = self.training().method
        is_misnamed = not all(hasattr(method, name) for name in method.stackable)
        if is_misnamed or method.alone or not has_stacked_form(type(method)):
            return
        if obstacle_to_stacking(config):  # of the model or the optimizer
            return
        if not isinstance(data.train_dataloader(), TrainingBatches):  # grouped by length
            return
        config = config | {"trainer": config["trainer"] | {"precision": "64-true"}}
        # weights that are loaded are the same for all members, and a method may remember them
        weights = build_network(config, data.spec).model.state_dict()
        alone, member, other = (
            MethodTraining(self.build(), config | {"seed": config["seed"] + step}, data, weights)
            for step in (0, 0, 1)
        )
        if failure := failure_as_stack([member.learner, other.learner], data):
            promised = method.stackable or vars(type(method)).get("replayable")
            assert not promised, f"`stackable` and `replayable` promise a stack; {failure}"
            return  # such runs are trained one by one
        with tempfile.TemporaryDirectory() as folder:
            alone.fit(Path(folder))
        # weights may differ where nothing depends on them, as a bias before a normalization
        rows = data.splits["val"]
        gap = float((member.learner.predict(rows) - alone.learner.predict(rows)).abs().max())
        assert gap < STACK_TOLERANCE, (
            "a run must end in a stack as alone, so what its hooks do around a step, `stacked` "
            f"does for all members; predictions differ by {gap:.2g}"
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

    def __init__(
        self, method: Method, overrides: Sequence[str], stack_overrides: Sequence[str]
    ) -> None:
        self.method, self.overrides, self.stack_overrides = method, overrides, stack_overrides

    def build(self) -> Method:
        return copy.deepcopy(self.method)


def check_method(method: Method, *overrides: str, stack_overrides: Sequence[str] = ()) -> None:
    """Holds a method to MethodContract; `overrides` choose what is trained, as on a command line.

    Raises: AssertionError of the first property that is broken.
    """
    _MethodCheck(method, overrides, stack_overrides).check()
