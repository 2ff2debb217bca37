"""EvaluatedModel: a finished model with the labelled rows that evaluators measure it on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch

from lepton.dataset.data import Rows
from lepton.dataset.inputs.find import kinds_in
from lepton.dataset.inputs.kind import InputKind
from lepton.dataset.load.batch_cutter import BatchCutter
from lepton.decision.rule import DecisionRule
from lepton.errors import LeptonError
from lepton.evaluation.sample_inputs import SampleInputs
from lepton.spec import DataSpec
from lepton.storage.predictions import SplitPredictions
from lepton.task.base import Task
from lepton.training.learner import Learner


@dataclass(frozen=True, kw_only=True)
class EvaluatedModel:
    """A finished model and labelled rows, each part read when it is first asked for.

    `run` names it in messages. `predictions` are those of the unchanged rows, and `inputs` what
    these rows were before they became tensors, in the same order.
    """

    run: str
    spec: DataSpec
    task: Task
    read_predictions: Callable[[], SplitPredictions]
    read_validation: Callable[[], SplitPredictions]
    read_inputs: Callable[[np.ndarray], SampleInputs]  # of rows by their ids
    read_validation_inputs: Callable[[np.ndarray], SampleInputs]
    read_learner: Callable[[], Learner] | None  # None: it predicts through other runs
    read_rows: Callable[[], Rows]
    read_kinds: Callable[[], Sequence[InputKind]] = tuple
    read_config: Callable[[], dict[str, Any]] = dict  # of the run, or of the first it was made of
    read_rule: Callable[[], DecisionRule | None] = lambda: None

    @cached_property
    def predictions(self) -> SplitPredictions:
        """Ids, targets and predictions of the rows as they are."""
        return self.read_predictions()

    @cached_property
    def validation(self) -> SplitPredictions:
        """The same of the validation split, by which alone anything may be chosen."""
        return self.read_validation()

    @cached_property
    def rule(self) -> DecisionRule | None:
        """What the run's predictions are calibrated and decided by; None where it has none.

        Raises: Damaged where it is not what was written.
        """
        return self.read_rule()

    @cached_property
    def inputs(self) -> SampleInputs:
        """The inputs as they stand in the data, and the columns to slice by.

        Raises: LeptonError when the data are not there, or have changed.
        """
        return self.read_inputs(self.predictions.ids.numpy())

    @cached_property
    def validation_inputs(self) -> SampleInputs:
        """The same of the validation split, in the order of `validation`.

        Raises: as `inputs`.
        """
        return self.read_validation_inputs(self.validation.ids.numpy())

    @cached_property
    def learner(self) -> Learner:
        """The trained model; a network has its module as `learner.model`.

        Raises: LeptonError for a run that predicts through others, and has none of its own.
        """
        return self._own_model()()

    @cached_property
    def rows(self) -> Rows:
        """The tensors of all rows: inputs, `target` and `id`.

        Raises: LeptonError when the data are not there, or have changed; and as `learner`.
        """
        self._own_model()
        return self.read_rows()

    @property
    def ordered_rows(self) -> Rows:
        """The same in the order of their ids, in which predictions and inputs stand."""
        order = torch.as_tensor(self.rows["id"]).argsort(stable=True)
        return {name: values[order] for name, values in self.rows.items()}

    def raw_rows(self, positions: np.ndarray) -> pd.DataFrame:
        """The inputs as they stand in the data, of rows by their positions in `rows`.

        Raises: as `inputs` and `rows`.
        """
        place = {int(row): i for i, row in enumerate(self.predictions.ids.tolist())}
        ids = torch.as_tensor(self.rows["id"])[torch.from_numpy(positions)]
        order = [place[int(row)] for row in ids.tolist()]
        return self.inputs.inputs.iloc[order].reset_index(drop=True)

    @cached_property
    def config(self) -> dict[str, Any]:
        """What the run was trained by."""
        return self.read_config()

    @cached_property
    def kinds(self) -> Sequence[InputKind]:
        """The kinds of inputs that the model reads, fitted, to encode further ones."""
        return self.read_kinds()

    def _own_model(self) -> Callable[[], Learner]:
        """Reads the model. Raises: LeptonError where the run has none of its own."""
        if self.read_learner is None:
            raise LeptonError(
                f"{self.run}: predicts through other runs, each of which prepares the rows in its "
                "own way, so that there are no inputs to change; evaluate these runs"
            )
        return self.read_learner

    def batches(self) -> Iterator[Rows]:
        """Yields the rows in parts as large as the model takes at once, each row once.

        Raises: LeptonError as `rows`.
        """
        for numbers in BatchCutter(self.rows, kinds_in(self.spec)).batch_rows(1):
            yield {name: values[numbers] for name, values in self.rows.items()}

    def states(self, batch: Rows) -> list[Any]:
        """What the task needs of the predictions for these rows; its `summarize` scores them."""
        if self.task.streamed:
            return self.learner.validate(batch)[1]
        return [self.task.validate(self.learner.predict(batch), batch)]
