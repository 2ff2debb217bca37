"""CatBoost's trees, with categories and missing values as it treats them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from lepton.model.boosted_trees import Boosted, BoostedTrees, by_classes
from lepton.model.sklearn_models import Sample
from lepton.values.bounds import Above0, Above0To1, AtLeast1, NotBelow0


class CatBoost(BoostedTrees):
    """Ordered boosting of symmetric trees, which encodes categories by the targets of other rows.

    Predicts from the iteration of the lowest validation loss, as it does where it has such rows.
    Source: Prokhorenkova et al. 2018, https://arxiv.org/abs/1706.09516
    """

    library, ending = "catboost", "cbm"

    def __init__(
        self,
        *,
        iterations: AtLeast1,
        learning_rate: Above0 | None,
        depth: AtLeast1,
        l2_leaf_reg: NotBelow0 | None,
        random_strength: NotBelow0,
        bagging_temperature: NotBelow0 | None,
        rsm: Above0To1,
        leaf_estimation_iterations: AtLeast1 | None,
        **shared: Any,
    ):
        super().__init__(**shared)
        self.iterations = iterations
        self.settings = {
            "learning_rate": learning_rate,
            "depth": depth,
            "l2_leaf_reg": l2_leaf_reg,
            "random_strength": random_strength,
            "rsm": rsm,
            "leaf_estimation_iterations": leaf_estimation_iterations,
            "od_type": None if self.patience is None else "Iter",
            "od_wait": self.patience,
            "random_seed": self.seed,
            "thread_count": self.threads or -1,
            "allow_writing_files": False,
            "logging_level": "Silent",
        }
        if bagging_temperature is not None:
            self.settings |= {
                "bootstrap_type": "Bayesian",
                "bagging_temperature": bagging_temperature,
            }

    @property
    def chooses(self) -> bool:
        return True

    def settle(self, iterations: int, folds: Sequence[Self]) -> None:
        """Keeps the rate of the folds' trees: CatBoost's own choice goes by the iterations."""
        outputs = [output for fold in folds for output in fold.outputs]
        trees = [output.trees for output in outputs if output.trees is not None]
        rates = [one.get_all_params()["learning_rate"] for one in trees]
        self.settings["learning_rate"] = float(np.mean(rates))
        super().settle(iterations, folds)

    def boost(self, train: Sample, val: Sample | None, classes: int) -> Boosted:
        loss = by_classes(classes, "RMSE", "Logloss", "MultiClass")
        given = {key: value for key, value in self.settings.items() if value is not None}
        given["iterations"] = self.iterations
        if val is None:
            given = {key: value for key, value in given.items() if not key.startswith("od_")}
        trees = self.package.CatBoost({**given, "loss_function": loss})
        val_rows = None if val is None else self._data(val.x, val.y, val.weight)
        trees.fit(self._data(train.x, train.y, train.weight), eval_set=val_rows)
        names = {"learn": "train/loss", "validation": "val/loss"}
        losses = {
            names[name]: list(values[loss]) for name, values in trees.get_evals_result().items()
        }
        return Boosted(trees, losses, trees.tree_count_ - 1)

    def predict_trees(self, trees: Any, x: np.ndarray) -> np.ndarray:
        kind = "RawFormulaVal" if self.spec.task == "regression" else "Probability"
        predicted = trees.predict(
            self._data(x), prediction_type=kind, thread_count=self.threads or -1
        )
        return np.asarray(predicted)

    def gains(self, trees: Any) -> np.ndarray:
        """How much predictions change with each feature, as CatBoost measures it."""
        return np.asarray(trees.get_feature_importance(type="PredictionValuesChange"))

    def dump(self, trees: Any) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trees.cbm"
            trees.save_model(str(path), format="cbm")
            return path.read_bytes()

    def parse(self, content: bytes) -> Any:
        trees = self.package.CatBoost()
        trees.load_model(blob=content)
        return trees

    def refusals(self) -> type[Exception]:
        return self.package.CatBoostError

    def _data(
        self, x: np.ndarray, y: np.ndarray | None = None, weight: np.ndarray | None = None
    ) -> Any:
        """Rows as CatBoost takes them, in which categories are whole numbers."""
        categories = self.features.categories
        frame = pd.DataFrame(x, columns=range(x.shape[1]), copy=False)
        frame = frame.astype(dict.fromkeys(categories, "int64"))
        return self.package.Pool(frame, label=y, weight=weight, cat_features=categories)
