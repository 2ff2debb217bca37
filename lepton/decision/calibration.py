"""Calibrations: probabilities turned into those that validation rows bear out.

Each is fitted on probabilities and what came, by the weights of rows where they have some, and
holds plain numbers alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax

LEAST_PROBABILITY = float(np.finfo(np.float32).eps)  # from 0 and from 1, so that logits are finite
LOG_TEMPERATURES = (-5.0, 5.0)  # between which a temperature's logarithm lies
Weights = np.ndarray | None  # of rows, each above 0; None where all count alike
METHODS = ("temperature", "platt", "isotonic")


@dataclass(frozen=True)
class Logistic:
    """A line through the logits: Platt's scaling, and a temperature where the intercept is 0."""

    slope: float
    intercept: float

    def __call__(self, p: np.ndarray) -> np.ndarray:
        return expit(self.slope * _logit(p) + self.intercept)


@dataclass(frozen=True)
class Isotonic:
    """Straight lines between the points of a rising function. Shapes: x and y (points,)."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def __call__(self, p: np.ndarray) -> np.ndarray:
        return np.interp(p, self.x, self.y)


@dataclass(frozen=True)
class Softmax:
    """One temperature for the logarithms of all classes."""

    temperature: float

    def __call__(self, p: np.ndarray) -> np.ndarray:
        return softmax(np.log(_inside(p)) / self.temperature, axis=1)


ColumnMap = Logistic | Isotonic


def fit_temperature(p: np.ndarray, y: np.ndarray, weight: Weights = None) -> Logistic:
    """The temperature of least log loss for probabilities of one class. Shapes: (N,) each.

    Source: Guo et al. 2017, https://arxiv.org/abs/1706.04599
    """
    z, signs = _logit(p), 2 * y - 1
    temperature = _best_temperature(
        lambda t: np.average(np.logaddexp(0, -signs * z / t), weights=weight)
    )
    return Logistic(1 / temperature, 0.0)


def fit_softmax(p: np.ndarray, y: np.ndarray, weight: Weights = None) -> Softmax:
    """The temperature of least log loss for several classes. Shapes: (N, classes), (N,), (N,).

    Source: Guo et al. 2017, https://arxiv.org/abs/1706.04599
    """
    logs, rows = np.log(_inside(p)), np.arange(len(y))

    def loss(t: float) -> float:
        return -np.average(log_softmax(logs / t, axis=1)[rows, y], weights=weight)

    return Softmax(_best_temperature(loss))


def fit_platt(p: np.ndarray, y: np.ndarray, weight: Weights = None) -> Logistic:
    """A slope and an intercept for the logits, by targets that are drawn in from 0 and 1.

    Shapes: (N,) each.
    Source: Platt 1999, Probabilistic outputs for support vector machines, section 2.2
    """
    z, counts = _logit(p), np.bincount(y.astype(int), weights=weight, minlength=2)
    high, low = (counts[1] + 1) / (counts[1] + 2), 1 / (counts[0] + 2)
    target = np.where(y == 1, high, low)

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        scores = line[0] * z + line[1]
        residuals = expit(scores) - target
        value = np.average(np.logaddexp(0, scores) - target * scores, weights=weight)
        slope = np.average(residuals * z, weights=weight)
        return value, np.array([slope, np.average(residuals, weights=weight)])

    slope, intercept = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS").x
    return Logistic(float(slope), float(intercept))


def fit_isotonic(p: np.ndarray, y: np.ndarray, weight: Weights = None) -> Isotonic:
    """The rising function of least squares, by scikit-learn. Shapes: (N,) each.

    Source: Zadrozny & Elkan 2002, https://doi.org/10.1145/775047.775151
    """
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    fitted = fitted.fit(p, y, sample_weight=weight)
    x, y = (np.asarray(points, dtype=float) for points in _points(fitted))
    return Isotonic(tuple(x.tolist()), tuple(y.tolist()))


COLUMN_FITS: dict[str, Callable[[np.ndarray, np.ndarray, Weights], ColumnMap]] = {
    "temperature": fit_temperature,
    "platt": fit_platt,
    "isotonic": fit_isotonic,
}


def normalized(p: np.ndarray) -> np.ndarray:
    """Rows that sum to 1, as scikit-learn makes them of classes that were calibrated apart."""
    sums = p.sum(1, keepdims=True)
    even = np.full_like(p, 1 / p.shape[1])
    return np.divide(p, sums, out=even, where=sums > 0)


def _points(fitted: object) -> tuple[object, object]:
    return fitted.X_thresholds_, fitted.y_thresholds_  # type: ignore[attr-defined]


def _best_temperature(loss: Callable[[float], float]) -> float:
    best = minimize_scalar(lambda log: loss(np.exp(log)), bounds=LOG_TEMPERATURES, method="bounded")
    return float(np.exp(best.x))


def _inside(p: np.ndarray) -> np.ndarray:
    return np.clip(np.asarray(p, dtype=float), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)


def _logit(p: np.ndarray) -> np.ndarray:
    return logit(_inside(p))
