"""A finished run as something that predicts: rows of a DataFrame in, a DataFrame out."""

from pathlib import Path

import pandas as pd

from lepton import results
from lepton.check import check, fits_itself
from lepton.dataset.columns import typed
from lepton.errors import LeptonError
from lepton.estimator import Estimator
from lepton.network import Network
from lepton.preprocessing.table import TablePreprocessing
from lepton.spec import DataSpec


class Predictor:
    """Raw rows -> predictions, with the preprocessing that the run was trained with."""

    def __init__(self, folder: Path):
        from omegaconf import OmegaConf

        cfg = check(OmegaConf.create(results.read_config(folder / results.CONFIG)))
        self.spec = DataSpec.load(folder / "spec.json")
        self.preprocessor = TablePreprocessing.load(folder / "preprocessing.skops")
        self.learner = (Estimator if fits_itself(cfg) else Network)(cfg, self.spec)
        self.learner.load(folder)

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """One row of predictions for each row given, with its index.

        Columns: `prediction` for binary (probability of the second class) and regression (in the
        target's unit); `p_CLASS` for multiclass and multilabel.
        Raises: DataError when a column is missing or holds what it did not when training.
        """
        numbers, codes = self.preprocessor.transform(typed(frame, self.preprocessor.kinds))
        inputs = {"num": numbers, "cat": codes}
        prediction = self.learner.predict({k: v for k, v in inputs.items() if v.shape[1]})
        if prediction.ndim == 1:
            return pd.DataFrame({"prediction": prediction.numpy()}, index=frame.index)
        names = [f"p_{name}" for name in self.spec.classes]
        return pd.DataFrame(prediction.numpy(), columns=names, index=frame.index)


def load_model(run: str | Path) -> Predictor:
    """The model of a finished run.

    Raises: LeptonError when the folder holds no finished run; ConfigError when its config names
        something outside the trusted packages.
    """
    folder = Path(run)
    if results.read(folder) is None:
        raise LeptonError(f"{folder}: holds no finished run")
    return Predictor(folder)
