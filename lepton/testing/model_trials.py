"""Trials of a network on made-up data, which the properties of its contract share."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, update_wrapper
from typing import Any

import torch
from torch import Tensor, nn

from lepton.dataset.inputs.find import input_kind, kinds_in
from lepton.errors import ConfigError
from lepton.example import make_batch, make_specs
from lepton.spec import DataSpec
from lepton.task import TASKS, task_for
from lepton.testing.contract import Contract, shared

TRAINING_FLAGS = {"training": True, "evaluation": False}  # of nn.Module.train, by mode
TrialProperty = Callable[[Any, "ModelTrial"], None]


class ModelTrial:
    """A network, and a made-up batch of the data that it was built for."""

    def __init__(self, model: nn.Module, spec: DataSpec) -> None:
        self.model, self.spec, self.batch = model, spec, make_batch(spec)
        self.description = describe(model, spec)
        self._initial_state = {name: value.clone() for name, value in model.state_dict().items()}

    def reset(self) -> None:
        """Gives the network the weights and buffers that it had when it was built."""
        self.model.load_state_dict(self._initial_state)
        self.model.zero_grad()

    @cached_property
    def logits(self) -> dict[str, Tensor]:
        """The logits of the batch, by mode; each time with the weights and buffers of the start."""
        logits = {}
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(1)  # other draws than those of a property
            for mode, flag in TRAINING_FLAGS.items():
                self.reset()
                logits[mode] = self.model.train(flag)(self.batch)
        self.reset()
        return logits

    @cached_property
    def gradients(self) -> dict[str, dict[str, Tensor | None]]:
        """The gradient of the loss for each trainable parameter, by mode and name."""
        task, gradients = task_for(self.spec, class_weights=None, monitor=None), {}
        for mode, flag in TRAINING_FLAGS.items():
            self.model.zero_grad()
            logits = self.model.train(flag)(self.batch)
            loss = task.loss(logits, task.encode(self.batch["target"]))
            if loss.requires_grad:
                loss.backward()
            trainable = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]
            gradients[mode] = {name: parameter.grad for name, parameter in trainable}
        return gradients

    def first_row(self) -> dict[str, Tensor]:
        """The first row alone, without the padding that longer ones brought."""
        row = {name: values[:1] for name, values in self.batch.items()}
        for kind in kinds_in(self.spec):
            row = kind.without_padding(row)
        return row


class ModelTrials(Contract):
    """A network, tried on made-up data of each task."""

    reads: Sequence[str] = ("table",)
    kind: str | None = None  # the one kind that it reads, in place of `reads`
    tasks: Sequence[str] = tuple(TASKS)

    def build(self, spec: DataSpec) -> nn.Module:
        """The network for data of this spec, with newly drawn weights."""
        raise NotImplementedError(
            "a ModelContract needs build(self, spec), which returns a network"
        )

    def specs(self) -> list[DataSpec]:
        """The data that the network is tried on."""
        names = (self.kind,) if self.kind else self.reads
        try:
            kinds = [input_kind(name) for name in names]
        except ConfigError as error:
            raise AssertionError(
                f"a ModelContract needs `reads`, kinds of inputs: {error}"
            ) from None
        return [spec for task in self.tasks for spec in make_specs(task, kinds)]

    def trials(self) -> list[ModelTrial]:
        """The network on all data that it accepts."""
        return self._trials_and_refusals()[0]

    def refusals(self) -> list[str]:
        """A message for each table of one kind of columns alone that the network failed on."""
        return self._trials_and_refusals()[1]

    @shared
    def _trials_and_refusals(self) -> tuple[list[ModelTrial], list[str]]:
        trials, refusals = [], []
        for spec in self.specs():
            trials.append(whole := self._trial(spec))
            for narrow_spec in narrow_specs(spec):
                try:
                    trial = self._trial(narrow_spec)
                    with torch.no_grad():
                        trial.model.eval()(trial.batch)
                except Exception as error:  # of whatever kind the network raises
                    reason = str(error).partition("\n")[0]
                    if not isinstance(error, AssertionError):
                        reason = f"{type(error).__name__}: {reason}"
                    refusals.append(f"{describe(whole.model, narrow_spec)}: {reason}")
                else:
                    trials.append(trial)
        return trials, refusals

    def _trial(self, spec: DataSpec) -> ModelTrial:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return ModelTrial(self.build(spec), spec)


def narrow_specs(spec: DataSpec) -> Iterator[DataSpec]:
    """Yields the spec with a part of its inputs, as a table's numbers, that a model may come to."""
    for kind in kinds_in(spec):
        yield from (replace(spec, **fields) for fields in kind.narrow_fields(spec))


def for_each_trial(check: TrialProperty) -> Callable[[Any], None]:
    """Makes a property, which takes no arguments, of one that must hold in each trial."""

    def check_all(self: ModelTrials) -> None:
        for trial in self.trials():
            with torch.random.fork_rng():
                torch.manual_seed(0)
                trial.reset()
                try:
                    check(self, trial)
                except AssertionError as error:
                    raise AssertionError(f"{trial.description}: {error}") from None

    update_wrapper(check_all, check)
    del check_all.__wrapped__  # where pytest would find the argument `trial`, and miss a fixture
    return check_all


def if_it_has_layers(check: TrialProperty) -> TrialProperty:
    """Leaves out networks without `layers()`, which cannot be fine-tuned."""

    def check_layers(self: ModelTrials, trial: ModelTrial) -> None:
        if hasattr(trial.model, "layers"):
            check(self, trial)

    return update_wrapper(check_layers, check)


def describe(model: nn.Module, spec: DataSpec) -> str:
    """The class of the network, the task and the inputs, as a message begins."""
    inputs = ", ".join(filter(None, (kind.describe(spec) for kind in kinds_in(spec))))
    return f"{type(model).__name__} ({spec.task}, {inputs})"
