"""Predictions of a user's LightningModule, through its predict_step, checked as they come."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from lepton.compat.lightning import pl
from lepton.dataset.load.batch_cutter import NOT_INPUTS
from lepton.errors import ConfigError
from lepton.method import Batch
from lepton.model.evaluation_mode import evaluation_mode
from lepton.task import Task

MEANINGS = {
    "binary": "the probability of the second class",
    "multiclass": "a probability for each class",
    "multilabel": "a probability for each label",
    "regression": "values in the target's own unit",
}


def predict_batch(module: pl.LightningModule, batch: Batch, task: Task, *, option: str) -> Tensor:
    """What `predict_step` returns for the inputs of a batch, without its target.

    The module's own transfer hooks see the batch before, as in `Trainer.predict`.
    Shapes: as `Task.predict` returns them, (B,) or (B, outputs).

    Raises: ConfigError that says which shape is right.
    """
    inputs = {name: tensor for name, tensor in batch.items() if name not in NOT_INPUTS}
    rows = len(next(iter(inputs.values())))
    inputs = module.on_after_batch_transfer(module.on_before_batch_transfer(inputs, 0), 0)
    prediction = module.predict_step(*(inputs, 0)[: _positions(module)])
    expected = getattr(task.constant(rows), "shape", None)
    if not isinstance(prediction, Tensor) or expected not in (None, prediction.shape):
        has_shape = isinstance(prediction, Tensor)
        got = f"shape {tuple(prediction.shape)}" if has_shape else type(prediction).__name__
        needed = "a tensor" if expected is None else str(tuple(expected))
        raise ConfigError(
            f"{option}: predict_step returned {got} for {rows} rows; a {task.name} target needs "
            f"{needed}: {MEANINGS.get(task.name, 'what Task.predict returns')}"
        )
    return prediction


def _positions(module: pl.LightningModule) -> int:
    """How many of batch and batch_idx a predict_step takes, by Lightning's own rule."""
    parameters = inspect.signature(module.predict_step).parameters.values()
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return 2
    return min(2, len(parameters))


def validate_batches(
    module: pl.LightningModule,
    batches: Iterable[Batch],
    task: Task,
    *,
    convert: Callable[[Batch], Batch],
    option: str,
) -> list[Any]:
    """The task's states of all batches, for their scores; layers keep their modes.

    `convert` gives inputs the precision of the module; targets keep theirs.
    """
    with evaluation_mode(module), torch.no_grad():
        return [
            task.validate(predict_batch(module, convert(batch), task, option=option), batch)
            for batch in batches
        ]
