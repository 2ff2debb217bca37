"""XGBoost's trees, with categories and missing values as it splits them."""

from typing import Any

import numpy as np

from lepton.model.boosted_trees import Boosted, BoostedTrees, by_classes
from lepton.model.sklearn_models import Sample
from lepton.values.bounds import Above0, Above0To1, AtLeast0, AtLeast1, NotBelow0


class XGBoost(BoostedTrees):
    """Gradient boosting of XGBoost by histograms.

    Source: Chen & Guestrin 2016, https://arxiv.org/abs/1603.02754
    """

    library, ending = "xgboost", "ubj"

    def __init__(
        self,
        *,
        n_estimators: AtLeast1,
        learning_rate: Above0,
        max_depth: AtLeast0,
        min_child_weight: NotBelow0,
        gamma: NotBelow0,
        reg_lambda: NotBelow0,
        reg_alpha: NotBelow0,
        subsample: Above0To1,
        colsample_bytree: Above0To1,
        colsample_bylevel: Above0To1,
        **shared: Any,
    ):
        super().__init__(**shared)
        self.iterations = n_estimators
        self.settings = {
            "eta": learning_rate,
            "max_depth": max_depth,
            "min_child_weight": min_child_weight,
            "gamma": gamma,
            "lambda": reg_lambda,
            "alpha": reg_alpha,
            "subsample": subsample,
            "colsample_bytree": colsample_bytree,
            "colsample_bylevel": colsample_bylevel,
            "tree_method": "hist",
            "seed": self.seed,
            "nthread": self.threads or 0,
            "verbosity": 0,
        }

    def boost(self, train: Sample, val: Sample | None, classes: int) -> Boosted:
        objective = by_classes(
            classes,
            {"objective": "reg:squarederror", "eval_metric": "rmse"},
            {"objective": "binary:logistic", "eval_metric": "logloss"},
            {"objective": "multi:softprob", "eval_metric": "mlogloss", "num_class": classes},
        )
        samples = [("train", train)] if val is None else [("train", train), ("val", val)]
        sets = [(self._data(sample.x, sample.y, sample.weight), name) for name, sample in samples]
        losses: dict[str, dict[str, list[float]]] = {}
        trees = self.package.train(
            self.settings | objective,
            sets[0][0],
            self.iterations,
            evals=sets,
            evals_result=losses,
            early_stopping_rounds=self.patience if val is not None else None,
            verbose_eval=False,
        )
        rounds = trees.num_boosted_rounds()
        best = rounds - 1
        if val is not None and self.patience is not None:
            best = trees.best_iteration
        by_name = {f"{name}/loss": next(iter(values.values())) for name, values in losses.items()}
        return Boosted(trees[: best + 1], by_name, best)

    def predict_trees(self, trees: Any, x: np.ndarray) -> np.ndarray:
        trees.set_param({"nthread": self.threads or 0})
        return trees.predict(self._data(x))

    def gains(self, trees: Any) -> np.ndarray:
        by_name = trees.get_score(importance_type="total_gain")
        return np.array([by_name.get(f"f{i}", 0.0) for i in range(len(self.features.names))])

    def dump(self, trees: Any) -> bytes:
        return bytes(trees.save_raw("ubj"))

    def parse(self, content: bytes) -> Any:
        trees = self.package.Booster()
        trees.load_model(bytearray(content))
        return trees

    def _data(
        self, x: np.ndarray, y: np.ndarray | None = None, weight: np.ndarray | None = None
    ) -> Any:
        kinds = ["q"] * len(self.features.names)
        for place in self.features.categories:
            kinds[place] = "c"
        return self.package.DMatrix(
            self.features.with_missing_codes(x),
            y,
            weight=weight,
            feature_types=kinds,
            enable_categorical=True,
            nthread=self.threads or 0,
        )
