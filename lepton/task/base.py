"""The base of tasks: the loss of logits, what they predict, how that is scored and stored."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from lepton.errors import ConfigError, did_you_mean
from lepton.loss.loss import Loss
from lepton.loss.option import LossOption
from lepton.loss.weighted_mean import at_least_32_bits
from lepton.metric.metric import Metric
from lepton.metric.option import MetricOption
from lepton.metric.scoring import CALIBRATION_BINS, added_scores
from lepton.spec import DataSpec
from lepton.storage.predictions import PredictionColumns
from lepton.storage.run_log import log_once
from lepton.task.answers import Answers
from lepton.task.batch_loss import BatchLoss

Batch = dict[str, Tensor]
WITHOUT_TARGET = (
    "dataset.target: null leaves nothing to predict; name a column, or take a task that needs none"
)


class Task(Answers, BatchLoss):
    """The base of all tasks; `task._target_` may name a user's own.

    `metrics` names what `summarize` tells, each with True where larger is better; the first is
    monitored where the config names none. A `streamed` task scores from a small state a batch, so
    that the predictions of a split are never held at once. A task may have a static method
    `read_target`, by which the target's columns become numbers (rows, ...) in a way of its own.
    K parallel predictions are trained each on its own loss, and averaged as probabilities or
    values. 16-bit logits are computed with in 32 bits; 64-bit ones stay so.

    Shapes: logits (B, outputs), or (B, K, outputs) for parallel predictions.
    """

    name: ClassVar[str] = "own"
    metrics: Mapping[str, bool] = {}
    streamed: ClassVar[bool] = False
    needs_target: ClassVar[bool] = True
    predicts_alike: ClassVar[bool] = True  # False: predictions of two models cannot be averaged
    read_target: ClassVar[Callable[[pd.DataFrame], np.ndarray] | None] = None  # a static method

    def __init__(
        self,
        spec: DataSpec,
        *,
        class_weights: str | list[float] | None,
        monitor: str | None,
        calibration_bins: int = CALIBRATION_BINS,
        loss: LossOption | None = None,
        added_metrics: Sequence[MetricOption] = (),
    ) -> None:
        """Takes what was chosen of the groups task, loss and metric.

        `calibration_bins`: of the metric `ece`, where the task has it.
        Raises: ConfigError for what does not fit the task, and for an unknown metric.
        """
        self.spec, self.class_weights = spec, class_weights
        self.calibration_bins = calibration_bins
        self.row_loss = loss.loss(self.name) if loss else None
        honest = self.row_loss.metrics() if isinstance(self.row_loss, Loss) else {}
        self.added_metrics = {**honest, **self._make_metrics(added_metrics)}
        own_metrics = self.metrics
        directions = {name: m.larger_is_better for name, m in self.added_metrics.items()}
        self.metrics = {**own_metrics, **directions}
        problems = [
            *self._bins_problems(),
            *self._target_problems(),
            *self._monitor_problems(monitor),
            *self._weight_problems(),
        ]
        if problems:
            raise ConfigError(*problems)
        self.monitor = monitor or next(iter({**honest, **own_metrics}))

    @classmethod
    def only_class(cls, settings: Mapping[str, Any]) -> str | int | bool | None:
        """The class that train has alone, by the option's values: its target is 0, others' 1."""
        return None

    @property
    def outputs(self) -> int:
        """Logits per sample, of which a model has as many."""
        return self.spec.outputs

    @property
    def model_spec(self) -> DataSpec:
        """The spec of the data as the model reads it, with the task's number of outputs."""
        return replace(self.spec, outputs=self.outputs)

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """The logits of a batch, in training as later; a task may call the model in its own way."""
        return model(batch)

    def truth(self, batch: Batch) -> Tensor:
        """What predictions of a batch are compared with.

        Shapes: `target` of a batch is (B,) or (B, labels), of data without a target (B, 0).
        """
        return batch["target"]

    def encode(self, target: Tensor) -> Tensor:
        """The target as the loss learns from it."""
        return target

    def predict(self, logits: Tensor) -> Tensor:
        """Probabilities, or values in the target's unit.

        Shapes: binary and regression (B,); multiclass and multilabel (B, outputs).
        """
        prediction = self._predict(at_least_32_bits(logits))
        return prediction.mean(1) if logits.ndim == 3 else prediction

    def learn_constant(self, target: Tensor, weight: Tensor | None = None) -> None:
        """Sets what `constant` predicts where the loss asks for another value than the task does,
        or where rows have weights.

        Shapes: target (N,) or (N, labels), of the training split; weight (N,).
        """

    def constant(self, n: int) -> Tensor | None:
        """`n` predictions that know training targets alone, no feature; None where it has none."""
        return None

    def validate(self, prediction: Tensor, batch: Batch) -> Any:
        """What scores need of a batch: all of it here; of a `streamed` task a small state.

        `weight` (B,) of a batch says how much its rows count, where they do not all count alike.
        """
        return prediction, self.truth(batch), *([batch["weight"]] if "weight" in batch else [])

    def summarize(
        self, states: Sequence[Any], only: Iterable[str] | None = None
    ) -> dict[str, float]:
        """The metrics of a split from the states of its batches, without those undefined for it.

        Where `only` names some, the others need not be there.
        """
        prediction, truth, *weight = (torch.cat(parts) for parts in zip(*states, strict=True))
        return self.score_rows(prediction, truth, *weight, only=only)

    def score_rows(
        self,
        prediction: Tensor,
        truth: Tensor,
        weight: Tensor | None = None,
        *,
        only: Iterable[str] | None = None,
    ) -> dict[str, float]:
        """The metrics of rows by their weights; of a task that cannot weigh them each counts once,
        and a line says so. Shapes: weight (N,).
        """
        if weight is None:
            return self.score(prediction, truth, only=only)
        if self.weighs_metrics:
            return self.score(prediction, truth, only=only, weight=weight)
        self.say_unweighted()
        return self.score(prediction, truth, only=only)

    def say_unweighted(self) -> None:
        """Says, once in a process, that rows with weights count each once."""
        log_once(f"task {self.name}: its metrics take no weights of rows; they count each row once")

    def score(
        self,
        prediction: Tensor,
        truth: Tensor,
        *,
        only: Iterable[str] | None = None,
        weight: Tensor | None = None,
    ) -> dict[str, float]:
        """The metrics of a split whose predictions are all there."""
        names = [*self.metrics] if only is None else [*only]
        added = {name: self.added_metrics[name] for name in names if name in self.added_metrics}
        own_names = [name for name in names if name not in added]
        prediction, truth = prediction.detach().cpu(), truth.detach().cpu()
        by_weight = {} if weight is None else {"weight": weight.detach().cpu()}
        values = self._score(prediction, truth, own_names, **by_weight) if own_names else {}
        return values | added_scores(added, prediction, truth, task=self.name, **by_weight)

    @property
    def weighs_metrics(self) -> bool:
        """True where scores take weights of rows; False for a class whose own do not.

        A `streamed` task, whose `validate` is given the weights, says itself that it heeds them.
        """
        hooks = (self.score, self._score)
        return not self.streamed and all(
            "weight" in inspect.signature(hook).parameters for hook in hooks
        )

    @property
    def is_scored_as_stored(self) -> bool:
        """True where the predictions and targets of a run folder are all that scores need."""
        return type(self).truth is Task.truth and not self.streamed

    @property
    def score_key(self) -> str:
        """What scores depend on beside predictions and truths, to tell cached ones apart."""
        return f"calibration_bins={self.calibration_bins}"

    def monitored(self, states: Sequence[Any]) -> float:
        """The monitored metric; NaN when a prediction is not finite.

        Raises: ConfigError when it is undefined for these targets.
        """
        metrics = self.summarize(states, only=(self.monitor,))
        if self.monitor not in metrics:
            raise ConfigError(
                f"task.monitor: {self.monitor} is undefined on the validation split, whose targets "
                f"do not vary enough; {next(iter(self.metrics))} is defined for every target"
            )
        return metrics[self.monitor]

    @property
    def larger_is_better(self) -> bool:
        """The direction of the monitored metric."""
        return self.metrics[self.monitor]

    def as_score(self, value: float) -> float:
        """A value of the monitored metric, turned so that larger is better."""
        return value if self.larger_is_better else -value

    def keep(self, prediction: Tensor) -> Tensor:
        """What is kept of a batch's predictions, for `predict` and the run folder: all of it."""
        return prediction

    @property
    def columns(self) -> PredictionColumns:
        """The columns of a table of predictions."""
        return PredictionColumns("prediction", "target" if self.spec.target_names else [])

    def estimator_weights(self) -> Tensor | None:
        """The class weights as models that fit themselves take them.

        Shapes: (classes,); for multilabel (labels,), of a label's presence against its absence.
        """
        return None

    def finish(self, model: Any, val: Batch) -> None:
        """Adds to a model that has fitted itself what the task learns of val."""

    def _score(
        self, prediction: Tensor, truth: Tensor, names: list[str], weight: Tensor | None = None
    ) -> dict[str, float]:
        """The task's own metrics of these names, on the CPU.

        A class whose own takes no `weight` counts each row once. Shapes: weight (N,).
        """
        raise NotImplementedError

    def _make_metrics(self, options: Sequence[MetricOption]) -> dict[str, Metric]:
        """The metrics of the group metric, by the names under which they were chosen."""
        metrics = {o.name: o.metric(self.name, len(self.spec.classes)) for o in options}
        if metrics and self.streamed:
            raise ConfigError(f"metric: task {self.name} scores batch by batch, by its own metrics")
        return metrics

    def _predict(self, logits: Tensor) -> Tensor:
        raise NotImplementedError

    def _target_problems(self) -> list[str]:
        """A line for data whose target the task cannot learn from."""
        return [WITHOUT_TARGET] if self.needs_target and not self.spec.target_names else []

    def _bins_problems(self) -> list[str]:
        bins = self.calibration_bins
        return [] if bins >= 1 else [f"task.calibration_bins: {bins} is too small; 1 at least"]

    def _monitor_problems(self, monitor: str | None) -> list[str]:
        if monitor is None or monitor in self.metrics:
            return []
        return [
            f"task.monitor: a {self.name} target has no metric {monitor!r}"
            f"{did_you_mean(monitor, self.metrics)} ({', '.join(self.metrics)})"
        ]

    def _weight_problems(self) -> list[str]:
        if self.class_weights is None:
            return []
        return [
            f"task.class_weights: {self.class_weights!r} makes no sense for {self.name}, which has "
            "no classes; null is right"
        ]
