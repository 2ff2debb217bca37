"""Loads a finished run as something that predicts."""

from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from lepton.config.call_arguments import given_path
from lepton.dataset.data import Rows
from lepton.dataset.inputs import absence
from lepton.dataset.inputs.presence import load_inputs
from lepton.errors import LeptonError
from lepton.prediction.predictor import Predictor
from lepton.pretrained.weight_files import BASE_FILE, read_adapter_base
from lepton.storage.derived_record import read_record
from lepton.storage.predictions import named_columns
from lepton.storage.results import finished_result
from lepton.storage.run_files import check_model_files
from lepton.training.learner import load_learner
from lepton.training.network import Network


class TrainedPredictor(Predictor):
    """The model that a run's folder holds; prepares raw rows as those that it was trained with."""

    def __init__(self, folder: Path) -> None:
        self.learner, spec = load_learner(folder)
        if (folder / BASE_FILE).is_file() and isinstance(self.learner, Network):
            from lepton.finetune.machinery.shared_base import share_frozen_weights

            base = read_adapter_base(folder / BASE_FILE)
            share_frozen_weights(self.learner.model, base["sha256"])
        inputs = load_inputs(folder, spec)
        super().__init__(folder, spec=spec, task=self.learner.task, inputs=inputs)

    def predict_frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        inputs = self.encode(frame)
        names = self.task.columns.prediction
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


def load_model(run: str | PathLike[str]) -> Predictor:
    """The model of a finished run, trained or made of others: `predict`, `predict_proba`, `spec`.

    Raises: LeptonError when the folder holds no finished run, or a damaged one, and for what is no
        path; ConfigError when its config names something outside the trusted packages.
    """
    folder = given_path("load_model", run, "lepton.load_model('runs/first/wine-mlp-s0-65d0a8dcbb')")
    result = finished_result(folder)
    check_model_files(folder)
    if (record := read_record(result.config, folder)) is None:
        return TrainedPredictor(folder)
    from lepton.derived.classes import derivation_class, with_younger_keys

    record = with_younger_keys(record)
    derivation = derivation_class(record)
    model = derivation.load(folder, record, load_model) or TrainedPredictor(folder)
    if not isinstance(model, Predictor):
        raise LeptonError(
            f"{folder}: {derivation.__name__}.load gives a {type(model).__name__}, where a class "
            "derived from lepton.prediction.predictor.Predictor is right"
        )
    return model
