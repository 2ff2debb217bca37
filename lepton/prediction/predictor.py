"""Predictor: the model of a finished run, that predicts rows in whatever form these come."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.dataset.inputs.kind import InputKind
from lepton.decision.rule import DecisionRule
from lepton.errors import LeptonError
from lepton.evaluation.kept_rule import read_rule
from lepton.prediction.given_rows import rows_frame
from lepton.spec import DataSpec
from lepton.storage.predictions import column_values
from lepton.task.base import Task

SHOWN = 6  # names of classes and of columns in a repr


class Predictor(ABC):
    """What `lepton.load_model` returns, of a trained run and of one that was made of others.

    Rows are a DataFrame, a NumPy array or a list with as many columns as the model reads, in the
    order of training, a list of cells where it reads one column, a dict of columns or of one row,
    or the path of a file (CSV, Parquet, JSON lines, an input itself) or of a folder of inputs.
    """

    def __init__(
        self, folder: Path, *, spec: DataSpec, task: Task, inputs: Sequence[InputKind]
    ) -> None:
        """`inputs` are the kinds that the model reads, fitted."""
        self.folder, self.spec, self.task, self.inputs = folder, spec, task, inputs

    @abstractmethod
    def predict_frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """What the model says of a table of raw rows, with its index, in the columns of the
        predictions that a run stores.

        Raises: DataError when a column is missing or holds what it did not when training.
        """

    def predict_raw(self, rows: Any) -> pd.DataFrame:
        """What the model says of each row, undecided: the columns that a run's predictions have.

        `prediction` for binary (the probability of the second class), regression and anomaly;
        `p_CLASS` for multiclass and multilabel.
        Raises: DataError for rows that are none, and as `predict`.
        """
        return self.predict_frame(rows_frame(rows, self.inputs, self.folder))

    def predict(self, rows: Any) -> pd.Series | pd.DataFrame:
        """What is decided of each row: its class, its quantity, or whether there is an alarm.

        Classes are as they stood in the data. Of several labels it is a table with a column a
        label, true where the row has it.
        Raises: DataError when a column is missing or holds what it did not when training.
        """
        raw = self.predict_raw(rows)
        decided = self.task.decide(self._values(raw), **self._decided_by)
        if len(decided) > 1:
            return pd.DataFrame(decided, index=raw.index)
        [(name, values)] = decided.items()
        return pd.Series(values, index=raw.index, name=name)

    def predict_proba(self, rows: Any) -> pd.DataFrame:
        """The probability of each class, a column a class; of several labels that of each label.

        Raises: LeptonError for a task that has no classes; as `predict`.
        """
        raw = self.predict_raw(rows)
        probabilities = self.task.probabilities(self._values(raw))
        if probabilities is None:
            raise LeptonError(
                f"{self.folder}: task {self.task.name} has no classes, whose probabilities could "
                "be told; predict says what it predicts"
            )
        return pd.DataFrame(probabilities.numpy(), columns=self.classes_, index=raw.index)

    def answers(self, frame: pd.DataFrame) -> dict[str, Any]:
        """What `lepton predict` writes of a table of raw rows, by column.

        Raises: as `predict`.
        """
        return self.task.answers(self._values(self.predict_frame(frame)), **self._decided_by)

    @cached_property
    def rule(self) -> DecisionRule | None:
        """What `evaluation=decision` has chosen for the run, which `predict` and `predict_proba`
        follow; None where it has not.

        Raises: Damaged where it is not what was written.
        """
        return read_rule(self.folder)

    @property
    def classes_(self) -> np.ndarray | None:
        """The classes, or labels, in the order of `predict_proba`; None for a task without."""
        return self.task.class_values

    @property
    def threshold(self) -> float | dict[str, float] | None:
        """What the second class's probability, each label's, or an anomaly's score must exceed;
        None where nothing is decided so. A dict where labels have each their own."""
        thresholds = self.rule.thresholds if self.rule else ()
        if len(thresholds) > 1:
            return dict(zip(self.spec.classes, thresholds, strict=True))
        return thresholds[0] if thresholds else self.task.threshold

    def __repr__(self) -> str:
        columns = [name for kind in self.inputs for name in kind.read_columns]
        kinds = " and ".join(filter(None, (kind.describe(self.spec) for kind in self.inputs)))
        classes = [] if self.classes_ is None else [f"classes {_shown(self.classes_.tolist())}"]
        facts = [f"task {self.task.name}", *classes, f"reads {kinds} ({_shown(columns)})"]
        facts += [self.rule.describe()] if self.rule and self.rule.describe() else []
        return f"<Predictor of {self.folder}: {'; '.join(facts)}>"

    @property
    def _decided_by(self) -> dict[str, DecisionRule]:
        """The rule as an argument of a task, which of a task of one's own need not know any."""
        return {} if self.rule is None else {"rule": self.rule}

    def _values(self, raw: pd.DataFrame) -> Tensor:
        """Predictions as the task made them, calibrated. Shapes: -> (rows,), (rows, outputs)."""
        values = column_values(raw, self.task.columns.prediction)
        if self.rule is not None and len(values):
            values = self.rule.probabilities(values)
        return torch.tensor(values)


def _shown(names: Sequence[Any]) -> str:
    shown = ", ".join(str(name) for name in names[:SHOWN])
    return f"{shown}, ... {len(names)} in all" if len(names) > SHOWN else shown
