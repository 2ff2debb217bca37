"""Tasks: the loss of a model's logits, the predictions they stand for, the metric to watch."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from lepton.errors import ConfigError, did_you_mean
from lepton.metric.direction import LARGER_IS_BETTER
from lepton.metric.scoring import METRICS
from lepton.spec import DataSpec


class Task:
    """The base of all tasks.

    K parallel predictions are trained each on its own loss, and averaged as probabilities or
    values. 16-bit logits are computed with in 32 bits; 64-bit ones stay so.

    Shapes: logits (B, outputs), or (B, K, outputs) for parallel predictions.
    """

    def __init__(
        self, spec: DataSpec, *, class_weights: str | list[float] | None, monitor: str
    ) -> None:
        self.spec, self.name = spec, spec.task
        self.class_weights, self.monitor = class_weights, monitor
        self.larger_is_better = LARGER_IS_BETTER[monitor]
        weights = _output_weights(spec, class_weights)
        self.weights = None if weights is None else torch.tensor(weights, dtype=torch.float64)

    def encode(self, target: Tensor) -> Tensor:
        """The target as the loss learns from it."""
        return target

    def loss(self, logits: Tensor, encoded: Tensor) -> Tensor:
        """The mean loss; with class weights the weighted mean, as in torch's cross_entropy.

        Shapes: encoded (B,) or (B, outputs), hard or soft -> scalar.
        """
        logits = _at_least_32_bits(logits)
        if logits.ndim == 3:
            encoded = encoded.repeat_interleave(logits.shape[1], dim=0)
            logits = logits.flatten(0, 1)
        return self._loss(logits, encoded)

    def predict(self, logits: Tensor) -> Tensor:
        """Probabilities, or values in the target's unit.

        Shapes: binary and regression (B,); multiclass and multilabel (B, outputs).
        """
        prediction = self._predict(_at_least_32_bits(logits))
        return prediction.mean(1) if logits.ndim == 3 else prediction

    def constant(self, n: int) -> Tensor:
        """`n` predictions from the training split's class shares or mean, without any feature."""
        counts = torch.tensor(self.spec.class_counts, dtype=torch.get_default_dtype())
        row = self._constant(counts)
        return row.repeat(n, *[1] * row.ndim)

    def weights_like(self, logits: Tensor) -> Tensor:
        """The weights in the dtype and on the device of the logits. Shapes: (outputs, 2)."""
        assert self.weights is not None
        return self.weights.to(logits.dtype).to(logits.device)  # not kept: vmap may have wrapped it

    def _loss(self, logits: Tensor, encoded: Tensor) -> Tensor:
        raise NotImplementedError

    def _predict(self, logits: Tensor) -> Tensor:
        raise NotImplementedError

    def _constant(self, counts: Tensor) -> Tensor:
        raise NotImplementedError


class Binary(Task):
    """One logit; targets are probabilities of the second class."""

    def _loss(self, logits: Tensor, encoded: Tensor) -> Tensor:
        return _binary_loss(logits, encoded[:, None].to(logits.dtype), self)

    def _predict(self, logits: Tensor) -> Tensor:
        return logits.squeeze(-1).sigmoid()

    def _constant(self, counts: Tensor) -> Tensor:
        return counts[1] / counts.sum()


class Multiclass(Task):
    """One logit a class; targets are class numbers, or a probability for each class."""

    def _loss(self, logits: Tensor, encoded: Tensor) -> Tensor:
        weights = None if self.weights is None else self.weights_like(logits)[:, 1]
        if not encoded.is_floating_point():
            return F.cross_entropy(logits, encoded, weight=weights)
        encoded = encoded.to(logits.dtype)
        if weights is None:
            return F.cross_entropy(logits, encoded)
        encoded = encoded * weights
        return -(encoded * logits.log_softmax(-1)).sum() / encoded.sum()

    def _predict(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)

    def _constant(self, counts: Tensor) -> Tensor:
        return counts / counts.sum()


class Multilabel(Task):
    """One logit a label; targets are a probability for each label."""

    def _loss(self, logits: Tensor, encoded: Tensor) -> Tensor:
        return _binary_loss(logits, encoded.to(logits.dtype), self)

    def _predict(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()

    def _constant(self, counts: Tensor) -> Tensor:
        return counts / self.spec.train_rows


class Regression(Task):
    """One value, learned in standard deviations from the training split's mean."""

    @property
    def scale(self) -> float:
        """The standard deviation that targets are divided by."""
        return self.spec.target_std or 1.0  # a constant target has no spread to divide by

    def encode(self, target: Tensor) -> Tensor:
        return (target - self.spec.target_mean) / self.scale

    def _loss(self, logits: Tensor, encoded: Tensor) -> Tensor:
        return F.mse_loss(logits.squeeze(-1), encoded.to(logits.dtype))

    def _predict(self, logits: Tensor) -> Tensor:
        return logits.squeeze(-1) * self.scale + self.spec.target_mean

    def _constant(self, counts: Tensor) -> Tensor:
        return counts.new_tensor(self.spec.target_mean)


TASKS = {
    "binary": Binary,
    "multiclass": Multiclass,
    "multilabel": Multilabel,
    "regression": Regression,
}


def task_for(
    spec: DataSpec, *, class_weights: str | list[float] | None, monitor: str | None
) -> Task:
    """The task of this data; `monitor` defaults to log_loss, for regression to rmse.

    Raises: ConfigError for an unknown metric, or for class weights that do not fit the classes.
    """
    metrics = METRICS[spec.task]
    monitor = monitor or next(iter(metrics))
    problems = [*_monitor_problems(spec, monitor), *_weight_problems(spec, class_weights)]
    if problems:
        raise ConfigError(*problems)
    return TASKS[spec.task](spec, class_weights=class_weights, monitor=monitor)


def _monitor_problems(spec: DataSpec, monitor: str) -> Iterator[str]:
    metrics = METRICS[spec.task]
    if monitor not in metrics:
        yield (
            f"task.monitor: a {spec.task} target has no metric {monitor!r}"
            f"{did_you_mean(monitor, metrics)} ({', '.join(metrics)})"
        )


def _weight_problems(spec: DataSpec, class_weights: str | list[float] | None) -> Iterator[str]:
    setting = f"task.class_weights: {class_weights!r}"
    if class_weights is None:
        return
    if spec.task == "regression":
        yield f"{setting} makes no sense for regression, which has no classes; null is right"
    elif isinstance(class_weights, str):
        if class_weights != "balanced":
            hint = did_you_mean(class_weights, ["balanced"])
            yield f"{setting} is not known{hint} (null, balanced, or a list with a weight a class)"
    elif len(class_weights) != len(spec.classes):
        kind = "label" if spec.task == "multilabel" else "class"
        yield (
            f"{setting} has {len(class_weights)} weights; this target needs one a {kind}, "
            f"{len(spec.classes)}, in the order {', '.join(spec.classes)}"
        )
    elif not all(0 < weight < float("inf") for weight in class_weights):
        yield f"{setting}: weights must be positive numbers"


def _output_weights(
    spec: DataSpec, class_weights: str | list[float] | None
) -> list[tuple[float, float]] | None:
    """For each output the weight of its absence and of its presence; binary has one output.

    "balanced" is n / (classes * count), for multilabel with two classes a label. A list for
    multilabel weighs the presence of each label, against 1 for its absence.
    """
    if class_weights is None:
        return None
    counts = [max(count, 1) for count in spec.class_counts]
    if spec.task == "multilabel":
        if class_weights != "balanced":
            return [(1.0, float(weight)) for weight in class_weights]
        n = spec.train_rows
        return [(n / (2 * max(n - count, 1)), n / (2 * count)) for count in counts]
    if class_weights == "balanced":
        total = sum(spec.class_counts)
        class_weights = [total / (len(counts) * count) for count in counts]
    if spec.task == "binary":
        return [(float(class_weights[0]), float(class_weights[1]))]
    return [(1.0, float(weight)) for weight in class_weights]


def _binary_loss(logits: Tensor, encoded: Tensor, task: Task) -> Tensor:
    if task.weights is None:
        return F.binary_cross_entropy_with_logits(logits, encoded)
    absent, present = task.weights_like(logits).unbind(-1)
    present, absent = present * encoded, absent * (1 - encoded)
    loss = present * F.softplus(-logits) + absent * F.softplus(logits)
    return loss.sum() / (present + absent).sum()


def _at_least_32_bits(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
