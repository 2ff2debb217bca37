"""Predicts with a finished run: rows of a DataFrame in, a DataFrame out."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lepton.dataset.data import Rows
from lepton.dataset.inputs import absence
from lepton.dataset.inputs.presence import load_inputs
from lepton.errors import DataError
from lepton.storage.derived_record import read_record
from lepton.storage.predictions import named_columns
from lepton.storage.results import finished_result
from lepton.storage.run_files import check_model_files
from lepton.training.learner import load_learner

if TYPE_CHECKING:
    from lepton.derived.derivation import FramePredictor


class Predictor:
    """The model of a run; prepares raw rows as those were that it was trained with."""

    def __init__(self, folder: Path) -> None:
        self.learner, self.spec = load_learner(folder)
        self.inputs = load_inputs(folder, self.spec)

    def predict(self, frame: pd.DataFrame | Sequence[Any]) -> pd.DataFrame:
        """One row of predictions for each row given, with its index.

        A model of one column of inputs, as of images or texts, takes a list of them too.
        Columns: `prediction` for binary (probability of the second class) and regression (in the
        target's unit); `p_CLASS` for multiclass and multilabel.
        Raises: DataError when a column is missing or holds what it did not when training.
        """
        if not isinstance(frame, pd.DataFrame):
            frame = self._one_column(frame)
        inputs = self.encode(frame)
        names = self.learner.task.columns.prediction
        if not len(frame):
            columns = [names] if isinstance(names, str) else names
            return pd.DataFrame(columns=columns, index=frame.index, dtype=np.float32)
        columns = named_columns(self.learner.predict(inputs), names)
        return pd.DataFrame(columns, index=frame.index)

    def encode(self, frame: pd.DataFrame) -> Rows:
        """The rows of a table as the model reads them.

        Raises: DataError, as `predict`.
        """
        encoded = [absence.encode(kind, frame) for kind in self.inputs]
        return {name: rows for tensors in encoded for name, rows in tensors.items()}

    def _one_column(self, values: Sequence[Any]) -> pd.DataFrame:
        """Inputs as the only column that the model reads."""
        inputs = [kind for kind in self.inputs if kind.own_columns or kind.takes_rest]
        columns = [name for kind in inputs for name in kind.own_columns]
        if len(inputs) != 1 or len(columns) != 1:
            kinds = " and ".join(kind.describe(self.spec) for kind in inputs)
            raise DataError(f"the model reads {kinds}; give predict a DataFrame with its columns")
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            message = f"give predict a list, also of one, or a DataFrame with {columns[0]!r}"
            raise DataError(f"{message}; {type(values).__name__} is neither")
        return pd.DataFrame({columns[0]: pd.Series(list(values), dtype=object)})


def load_model(run: str | Path) -> "Predictor | FramePredictor":
    """The model of a finished run, trained or made of others, with its `predict` and `spec`.

    Raises: LeptonError when the folder holds no finished run, or a damaged one; ConfigError when
        its config names something outside the trusted packages.
    """
    folder = Path(run)
    result = finished_result(folder)
    check_model_files(folder)
    if (record := read_record(result.config, folder)) is None:
        return Predictor(folder)
    from lepton.derived.classes import derivation_class, with_younger_keys

    record = with_younger_keys(record)
    return derivation_class(record).load(folder, record, load_model) or Predictor(folder)
