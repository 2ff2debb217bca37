"""A finished run as something that predicts: rows of a DataFrame in, a DataFrame out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import torch

from lepton import results
from lepton.check import check, fits_itself
from lepton.dataset.columns import typed
from lepton.errors import LeptonError
from lepton.estimator import Estimator
from lepton.network import FILE, Network
from lepton.preprocessing.table import TablePreprocessing
from lepton.spec import DataSpec


class Predictor:
    """Raw rows -> predictions, with the preprocessing that the run was trained with."""

    def __init__(self, folder: Path):
        from omegaconf import OmegaConf

        config = results.read_config(folder / results.CONFIG)
        config.pop("ensemble", None)  # what a soup was made of
        cfg = check(OmegaConf.create(config), files=False)
        with _named(folder / "spec.json") as path:
            self.spec = DataSpec.load(path)
        self.preprocessor = TablePreprocessing.load(folder / "preprocessing.skops")
        self.learner = (Estimator if fits_itself(cfg) else Network)(cfg, self.spec)
        with _named(folder if fits_itself(cfg) else folder / FILE):
            self.learner.load(folder)

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """One row of predictions for each row given, with its index.

        Columns: `prediction` for binary (probability of the second class) and regression (in the
        target's unit); `p_CLASS` for multiclass and multilabel.
        Raises: DataError when a column is missing or holds what it did not when training.
        """
        numbers, codes = self.preprocessor.transform(typed(frame, self.preprocessor.kinds))
        inputs = {k: v for k, v in {"num": numbers, "cat": codes}.items() if v.shape[1]}
        single = self.spec.task in ("binary", "regression")
        names = ["prediction"] if single else [f"p_{name}" for name in self.spec.classes]
        values = self.learner.predict(inputs) if len(frame) else torch.empty(0)
        return pd.DataFrame(values.view(-1, len(names)).numpy(), columns=names, index=frame.index)


@contextmanager
def _named(path: Path) -> Iterator[Path]:
    """Whatever goes wrong in reading a file of the run names that file."""
    try:
        yield path
    except LeptonError:
        raise
    except Exception as e:
        raise LeptonError(f"{path}: cannot be read ({' '.join(str(e).split())})") from e


def load_model(run: str | Path):
    """The model of a finished run, which may be an ensemble: something with `predict` and `spec`.

    Raises: LeptonError when the folder holds no finished run, or a damaged one; ConfigError when
        its config names something outside the trusted packages.
    """
    folder = Path(run)
    result = results.read(folder)
    if result is None:
        raise LeptonError(f"{folder}: holds no finished run")
    if result.config.get("ensemble", {}).get("kind") == "predictions":
        from lepton.ensemble.predictor import EnsemblePredictor

        with _named(folder):
            return EnsemblePredictor(folder, load_model)
    return Predictor(folder)
