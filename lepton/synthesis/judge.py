"""What a model learns from generated rows, told on real rows that no generator has seen."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from lepton.generator.rows import TableRows, joined
from lepton.stats.bootstrap import bootstrap_intervals
from lepton.stats.estimate import Estimate

MOST_CODES = 255  # of a category that boosting takes as one


@dataclass(frozen=True)
class Usefulness:
    """Scores on held-out rows: of training on real, generated, and on both; `constant` of none.

    `metric`: auroc of two classes, accuracy of more, r2 of a number.
    """

    metric: str
    constant: float
    real: Estimate
    generated: Estimate
    both: Estimate
    both_minus_real: Estimate
    generated_minus_real: Estimate

    @property
    def share_lost(self) -> float | None:
        """How much of what real rows teach generated ones do not; None where these teach none."""
        taught = self.real.value - self.constant
        return (self.real.value - self.generated.value) / taught if taught > 0 else None


def usefulness(
    train: TableRows, generated: TableRows, held_out: TableRows, *, resamples: int, seed: int
) -> Usefulness:
    """Trains a judge on each and scores it on the same held-out rows."""
    metric, constant, score = _metric(train, held_out)
    given = {"real": train, "generated": generated, "both": joined([train, generated])}
    predicted = {name: _predicted(rows, held_out, seed) for name, rows in given.items()}

    def scores(rows: np.ndarray) -> dict[str, float]:
        values = {name: score(prediction, rows) for name, prediction in predicted.items()}
        return values | {
            "both_minus_real": values["both"] - values["real"],
            "generated_minus_real": values["generated"] - values["real"],
        }

    everyone = np.arange(len(held_out))
    intervals = bootstrap_intervals(scores, everyone, resamples=resamples, seed=seed)
    scored = {
        name: Estimate(value, *intervals.get(name, (np.nan, np.nan)))
        for name, value in scores(everyone).items()
    }
    return Usefulness(metric, constant, **scored)


def detection_auc(real: TableRows, generated: TableRows, *, folds: int, seed: int) -> float:
    """How well a judge tells generated rows from as many real ones: 0.5 not at all, 1 always."""
    count = min(len(real), len(generated))
    rng = np.random.default_rng(seed)
    parts = [rows.at(rng.permutation(len(rows))[:count]) for rows in (real, generated)]
    features, is_category = _features(joined(parts), with_target=True)
    is_generated = np.arange(2 * count) >= count
    split = StratifiedKFold(folds, shuffle=True, random_state=seed % 2**32)
    judge = HistGradientBoostingClassifier(
        categorical_features=is_category, early_stopping=False, random_state=seed % 2**32
    )
    chance = cross_val_predict(judge, features, is_generated, cv=split, method="predict_proba")
    return float(roc_auc_score(is_generated, np.asarray(chance)[:, 1]))


def _metric(
    train: TableRows, held_out: TableRows
) -> tuple[str, float, Callable[[np.ndarray, np.ndarray], float]]:
    """The metric, what a constant prediction has of it, and its value at rows of a prediction."""
    if held_out.target == "number":
        target = held_out.numbers[:, -1]
        return "r2", 0.0, lambda p, rows: float(r2_score(target[rows], p[rows]))
    labels, classes = held_out.labels, train.sizes[-1]
    if classes == 2:

        def auroc(prediction: np.ndarray, rows: np.ndarray) -> float:
            of_rows = labels[rows]
            if of_rows.min() == of_rows.max():
                return float("nan")
            return float(roc_auc_score(of_rows, prediction[rows, 1]))

        return "auroc", 0.5, auroc
    frequent = np.bincount(train.labels).argmax()
    constant = float((labels == frequent).mean())
    return "accuracy", constant, lambda p, rows: float((p[rows].argmax(1) == labels[rows]).mean())


def _predicted(train: TableRows, asked: TableRows, seed: int) -> np.ndarray:
    """What a judge of training rows says of others. Shapes: (n,), or (n, classes)"""
    features, is_category = _features(train, with_target=False)
    asked_features, _ = _features(asked, with_target=False)
    settings = {
        "categorical_features": is_category,
        "early_stopping": False,
        "random_state": seed % 2**32,
    }
    if train.target == "number":
        judge = HistGradientBoostingRegressor(**settings)
        return judge.fit(features, train.numbers[:, -1]).predict(asked_features)
    chances = np.zeros((len(asked), train.sizes[-1]))
    seen = np.unique(train.labels)
    if len(seen) == 1:
        chances[:, seen] = 1.0
        return chances
    judge = HistGradientBoostingClassifier(**settings).fit(features, train.labels)
    chances[:, judge.classes_] = judge.predict_proba(asked_features)
    return chances


def _features(rows: TableRows, *, with_target: bool) -> tuple[np.ndarray, np.ndarray]:
    """Columns as a judge reads them, and which are categories. Shapes: (n, d), (d,)"""
    numbers, codes, sizes = rows.numbers, rows.codes.astype(float), rows.sizes
    if not with_target:
        is_number = rows.target == "number"
        numbers = numbers[:, :-1] if is_number else numbers
        codes, sizes = (codes, sizes) if is_number else (codes[:, :-1], sizes[:-1])
    features = np.column_stack([numbers, np.where(codes < 0, np.nan, codes)])
    is_category = [False] * numbers.shape[1] + [size < MOST_CODES for size in sizes]
    return features, np.array(is_category, dtype=bool)
