"""LightGBM's trees, with categories and missing values as it splits them."""

from typing import Any, Literal

import numpy as np

from lepton.errors import ConfigError
from lepton.model.boosted_trees import Boosted, BoostedTrees, by_classes
from lepton.model.iterative_model import remark_on_few_rows
from lepton.model.sklearn_models import Sample
from lepton.values.bounds import Above0, Above0To1, AtLeast0, AtLeast1, NotBelow0


class LightGBM(BoostedTrees):
    """Gradient boosting of LightGBM, leaf by leaf.

    Source: Ke et al. 2017,
    https://papers.nips.cc/paper/6907-lightgbm-a-highly-efficient-gradient-boosting-decision-tree
    """

    library, ending = "lightgbm", "txt"

    def __init__(
        self,
        *,
        n_estimators: AtLeast1,
        learning_rate: Above0,
        num_leaves: AtLeast1,
        max_depth: Literal[-1] | AtLeast1,
        min_child_samples: AtLeast0,
        min_child_weight: NotBelow0,
        reg_lambda: NotBelow0,
        reg_alpha: NotBelow0,
        subsample: Above0To1,
        subsample_freq: AtLeast0,
        colsample_bytree: Above0To1,
        **shared: Any,
    ):
        super().__init__(**shared)
        if num_leaves < 2:
            raise ConfigError("model.num_leaves: 1; a tree needs 2 leaves at least")
        self.iterations, self.min_child_samples = n_estimators, min_child_samples
        self.settings = {
            "learning_rate": learning_rate,
            "num_leaves": num_leaves,
            "max_depth": max_depth,
            "min_data_in_leaf": min_child_samples,
            "min_sum_hessian_in_leaf": min_child_weight,
            "lambda_l2": reg_lambda,
            "lambda_l1": reg_alpha,
            "bagging_fraction": subsample,
            "bagging_freq": subsample_freq,
            "feature_fraction": colsample_bytree,
            "seed": self.seed,
            "num_threads": self.threads or 0,
            "deterministic": True,  # what follows keeps it from choosing by its speed
            "force_row_wise": True,
            "verbosity": -1,
        }

    def boost(self, train: Sample, val: Sample | None, classes: int) -> Boosted:
        settings = self.settings | by_classes(
            classes,
            {"objective": "regression", "metric": "rmse"},
            {"objective": "binary", "metric": "binary_logloss"},
            {"objective": "multiclass", "metric": "multi_logloss", "num_class": classes},
        )
        remark_on_few_rows("model.min_child_samples", self.min_child_samples, len(train.y))
        data = self._data(train, settings)
        sets, names, losses = [data], ["train"], {}
        callbacks = [self.package.record_evaluation(losses)]
        if val is not None:
            sets, names = [data, self._data(val, settings, reference=data)], ["train", "val"]
            if self.patience is not None:
                callbacks.append(self._stopping())
        trees = self.package.train(
            settings,
            data,
            self.iterations,
            valid_sets=sets,
            valid_names=names,
            callbacks=callbacks,
        )
        best = (trees.best_iteration if trees.best_iteration > 0 else trees.current_iteration()) - 1
        by_name = {f"{name}/loss": next(iter(values.values())) for name, values in losses.items()}
        trees = self.parse(trees.model_to_string(num_iteration=best + 1).encode())
        return Boosted(trees, by_name, best)

    def predict_trees(self, trees: Any, x: np.ndarray) -> np.ndarray:
        rows = self.features.with_missing_codes(x)
        return np.asarray(trees.predict(rows, num_threads=self.threads or 0))

    def gains(self, trees: Any) -> np.ndarray:
        return np.asarray(trees.feature_importance(importance_type="gain"), dtype=float)

    def dump(self, trees: Any) -> bytes:
        return trees.model_to_string().encode()

    def parse(self, content: bytes) -> Any:
        return self.package.Booster(model_str=content.decode())

    def refusals(self) -> type[Exception]:
        return self.package.basic.LightGBMError

    def _stopping(self) -> Any:
        """Stops by the validation loss; that of training never counts."""
        return self.package.early_stopping(self.patience, first_metric_only=True, verbose=False)

    def _data(self, sample: Sample, settings: dict[str, Any], reference: Any = None) -> Any:
        return self.package.Dataset(
            self.features.with_missing_codes(sample.x),
            sample.y,
            weight=sample.weight,
            reference=reference,
            categorical_feature=self.features.categories,
            params=settings,
        )
