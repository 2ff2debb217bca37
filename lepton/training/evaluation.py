"""Scores of a learner on the splits of its data, with what is kept of its predictions."""

import inspect
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from torch import Tensor

from lepton.dataset.data import Data, Rows
from lepton.dataset.load.target_digits import target_to_learn
from lepton.dataset.split.split_rows import held_out
from lepton.storage.predictions import SplitPredictions
from lepton.task.base import Task
from lepton.training.learner import Learner


def evaluate(
    learner: Learner,
    data: Data,
    splits: Iterable[str] | None = None,
    *,
    known: Mapping[str, Tensor] = MappingProxyType({}),
) -> tuple[dict[str, SplitPredictions], dict[str, float]]:
    """The predictions of splits, all that are held out or some, and their metrics by split/name.

    `known`: what is kept of predictions that were made before, in the order of their split.
    """
    predictions, metrics = {}, {}
    for split in held_out(data.splits) if splits is None else splits:
        rows, task = data.splits[split], learner.task
        if task.streamed and split not in known:
            kept, states = learner.validate(rows)
        else:
            kept = known[split] if split in known else learner.predict(rows)
            states = [task.validate(kept, rows)]
        predictions[split] = split_predictions(rows, kept)
        metrics |= {f"{split}/{name}": value for name, value in task.summarize(states).items()}
    return predictions, metrics


def split_predictions(rows: Rows, kept: Tensor) -> SplitPredictions:
    """What is kept of the predictions for rows, with their ids, targets and weights."""
    weight = rows["weight"].cpu() if "weight" in rows else None
    return SplitPredictions(rows["id"].cpu(), rows["target"].cpu(), kept, weight)


def constant_metrics(data: Data, task: Task) -> dict[str, float]:
    """The metrics of the constant predictor by split/name; none where the task has none."""
    metrics = {}
    learn_constant(data, task)
    for split in held_out(data.splits):
        rows = data.splits[split]
        if task.streamed and "weight" in rows and not task.weighs_metrics:
            task.say_unweighted()
        prediction = task.constant(len(rows["id"]))
        if prediction is not None:
            values = task.summarize([task.validate(prediction, rows)])
            metrics |= {f"{split}/{name}": value for name, value in values.items()}
    return metrics


def learn_constant(data: Data, task: Task) -> None:
    """Lets a task learn what its constant predictor says, of training rows by their weights."""
    train = data.splits["train"]
    takes = inspect.signature(type(task).learn_constant).parameters
    weight = {"weight": train["weight"].cpu()} if "weight" in train and "weight" in takes else {}
    task.learn_constant(target_to_learn(train["target"], data.spec).cpu(), **weight)
