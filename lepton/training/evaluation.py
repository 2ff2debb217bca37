"""Scores of a learner on the splits of its data, with what is kept of its predictions."""

from collections.abc import Iterable

from lepton.dataset.data import Data
from lepton.dataset.load.target_digits import target_to_learn
from lepton.dataset.split.split_rows import held_out
from lepton.storage.predictions import SplitPredictions
from lepton.task.base import Task
from lepton.training.learner import Learner


def evaluate(
    learner: Learner, data: Data, splits: Iterable[str] | None = None
) -> tuple[dict[str, SplitPredictions], dict[str, float]]:
    """The predictions of splits, all that are held out or some, and their metrics by split/name."""
    predictions, metrics = {}, {}
    for split in held_out(data.splits) if splits is None else splits:
        rows, task = data.splits[split], learner.task
        if task.streamed:
            kept, states = learner.validate(rows)
        else:
            kept = learner.predict(rows)
            states = [task.validate(kept, rows)]
        predictions[split] = SplitPredictions(rows["id"].cpu(), rows["target"].cpu(), kept)
        metrics |= {f"{split}/{name}": value for name, value in task.summarize(states).items()}
    return predictions, metrics


def constant_metrics(data: Data, task: Task) -> dict[str, float]:
    """The metrics of the constant predictor by split/name; none where the task has none."""
    metrics = {}
    task.learn_constant(target_to_learn(data.splits["train"]["target"], data.spec))
    for split in held_out(data.splits):
        rows = data.splits[split]
        prediction = task.constant(len(rows["id"]))
        if prediction is not None:
            values = task.summarize([task.validate(prediction, rows)])
            metrics |= {f"{split}/{name}": value for name, value in values.items()}
    return metrics
