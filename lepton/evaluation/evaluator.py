"""Evaluator: the base class of what is measured on a finished model beside the clean splits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch

from lepton.dataset.data import Rows
from lepton.errors import ConfigError
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.shown_table import ShownTable
from lepton.randomness.draw import Draw
from lepton.seeds import derive
from lepton.stats.bootstrap import Intervals
from lepton.task.base import Task
from lepton.training.learner import Learner

RowScores = Callable[[np.ndarray], Mapping[str, float]]  # of rows by their positions


@dataclass(frozen=True)
class Evaluation:
    """What an evaluator found: metrics, and tables to keep in the run folder, both by name.

    A metric stands in a study's table as `test@NAME/metric`, where NAME is the evaluator's. Where
    it ends in the name of a metric of the task, as `worst/accuracy`, it is known which way is
    better.
    """

    metrics: Mapping[str, float]
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)


class Evaluator:
    """What is measured on a finished model beside the clean splits; one of the two may be left out.

    An evaluator that changes the rows defines `change`: it is scored on the changed rows as the
    clean ones are, batch by batch. Any other defines `evaluate`.
    It sees the test split, so nothing that it finds may choose anything. It is called once a run,
    after the run is finished, and may be called again: the same model and seed give the same.
    What it cannot measure is refused by `check`, before anything is trained.
    """

    needs_gradients = False  # a literal, read from source: of the model, which must not fit itself
    follows_rule = False  # whether `model.rule` changes what it finds: by another one it is redone

    def check(self, task: Task) -> None:
        """Refuses a task that it cannot measure; `task.spec` tells of the data.

        Raises: LeptonError.
        """

    def check_run(self, learner: Learner, config: Mapping[str, Any]) -> None:
        """As `check`, of a learner that is to be trained by this config.

        Raises: LeptonError.
        """

    def check_splits(self, splits: Mapping[str, Rows]) -> None:
        """As `check`, of the rows of each split of the data that are to be trained on.

        Raises: LeptonError.
        """

    def columns(self) -> Sequence[str]:
        """The columns of `model.inputs` that it needs by name, inputs of the model or not; data
        without one are refused as by `check`."""
        return ()

    def evaluate(self, model: EvaluatedModel, seed: int) -> Evaluation:
        """The metrics of the model, and tables where there are any.

        `seed` follows from the run's and the evaluator's name. What does not fit in memory for all
        rows at once is taken from `model.batches()`, one after the other.
        Raises: LeptonError where it makes no sense for this model.
        """
        states = []
        for number, batch in enumerate(model.batches()):
            changed: Any = self.change(batch, batch_draw(seed, number), model)
            if not isinstance(changed, dict):
                name, given = type(self).__name__, type(changed).__name__
                raise ConfigError(f"{name}.change gave {given}; it returns the rows, a dict")
            states += model.states(changed)
        return Evaluation(model.task.summarize(states))

    def row_scores(self, model: EvaluatedModel) -> RowScores | None:
        """What gives the metrics of some of the rows, for the intervals of `lepton evaluate`; None
        for an evaluator whose metrics have none."""
        return None

    def shown(self, frames: Mapping[str, pd.DataFrame]) -> ShownTable | None:
        """What `lepton evaluate` shows of its tables; None for one that shows metrics alone."""
        return None

    def intervals(self, frames: Mapping[str, pd.DataFrame]) -> Intervals:
        """The 95 % intervals of its metrics, by name, where its tables hold them."""
        return {}

    def change(self, batch: Rows, draw: Draw, model: EvaluatedModel) -> Rows:
        """The rows that the model is scored on instead; a new dictionary.

        `draw.each(batch["id"])` gives each row its own numbers, in whichever batch it comes.
        """
        raise NotImplementedError(f"{type(self).__name__} defines neither `change` nor `evaluate`")


def batch_draw(seed: int, number: int) -> Draw:
    """The random numbers for one batch of an evaluation."""
    keys = torch.tensor([derive(seed, "batch", number), derive(seed, "sample")])
    return Draw(keys[0], keys[1])
