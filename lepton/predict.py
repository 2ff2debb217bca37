"""Predicts with a finished run: rows of a DataFrame in, a DataFrame out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lepton.dataset.clean.column_kinds import parse_columns
from lepton.errors import explain_read_errors
from lepton.preprocessing.table import TablePreprocessing
from lepton.spec import DataSpec
from lepton.storage.derived_record import read_record
from lepton.storage.predictions import named_columns
from lepton.storage.results import finished_result
from lepton.training.learner import load_learner

if TYPE_CHECKING:
    from lepton.derived.derivation import FramePredictor


class Predictor:
    """The model of a run; prepares raw rows as those were that it was trained with."""

    def __init__(self, folder: Path) -> None:
        self.learner, self.spec = load_learner(folder)
        self.inputs = (TextInputs if self.spec.text_features else TableInputs)(folder, self.spec)

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """One row of predictions for each row given, with its index.

        Columns: `prediction` for binary (probability of the second class) and regression (in the
        target's unit); `p_CLASS` for multiclass and multilabel.
        Raises: DataError when a column is missing or holds what it did not when training.
        """
        inputs = self.inputs(frame)
        names = self.learner.task.columns.prediction
        if not len(frame):
            columns = [names] if isinstance(names, str) else names
            return pd.DataFrame(columns=columns, index=frame.index, dtype=np.float32)
        columns = named_columns(self.learner.predict(inputs), names)
        return pd.DataFrame(columns, index=frame.index)


class TableInputs:
    """Turns rows of a table into numbers and category codes."""

    def __init__(self, folder: Path, spec: DataSpec) -> None:
        self.preprocessor = TablePreprocessing.load(folder / "preprocessing.skops")

    def __call__(self, frame: pd.DataFrame) -> dict[str, Any]:
        numbers, codes = self.preprocessor.transform(parse_columns(frame, self.preprocessor.kinds))
        return {k: v for k, v in {"num": numbers, "cat": codes}.items() if v.shape[1]}


class TextInputs:
    """Turns texts into tokens, or leaves them to a model that reads texts itself."""

    def __init__(self, folder: Path, spec: DataSpec) -> None:
        from lepton.pretrained.location import TOKENIZER_FILE
        from lepton.tokenizer.fitted_tokenizer import FittedTokenizer

        self.columns, self.tokenizer = list(spec.text_features), None
        if spec.vocabulary:
            with explain_read_errors(folder / TOKENIZER_FILE):
                self.tokenizer = FittedTokenizer.load(folder, spec)

    def __call__(self, frame: pd.DataFrame) -> dict[str, Any]:
        from lepton.dataset.clean.text_cleaning import parse_texts, tokenizer_inputs

        texts = parse_texts(frame, self.columns)
        if self.tokenizer is None:
            return {"texts": texts}
        encoded = self.tokenizer.encode(tokenizer_inputs(texts), keep=False)
        return {name: tensor for name, tensor in encoded.items() if name != "cut"}


def load_model(run: str | Path) -> "Predictor | FramePredictor":
    """The model of a finished run, trained or made of others, with its `predict` and `spec`.

    Raises: LeptonError when the folder holds no finished run, or a damaged one; ConfigError when
        its config names something outside the trusted packages.
    """
    folder = Path(run)
    result = finished_result(folder)
    if (record := read_record(result.config)) is None:
        return Predictor(folder)
    from lepton.derived.classes import derivation_class

    return derivation_class(record).load(folder, load_model) or Predictor(folder)
