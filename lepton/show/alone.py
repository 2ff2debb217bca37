"""How much of the target a single column gives away: learned on train, asked on val and test."""

import numpy as np
import pandas as pd

BINS = 64  # of a number, about equally filled
MAX_VALUES = 1000  # of a category that are told apart
MAX_LABELS = 8
LEAST_ROWS = 20  # that are asked


def share_given(
    train: np.ndarray,
    train_target: np.ndarray,
    asked: np.ndarray,
    asked_target: np.ndarray,
    *,
    is_number: bool,
) -> float | None:
    """From 0, nothing beyond the most frequent class or the mean, to 1, all; None for few rows.

    For numbers it is the share of the variance.
    Shapes: train and asked (n,) codes from 0 on; targets (n,), or (n, labels), of which the one
        that is given best counts.
    """
    if len(asked) < LEAST_ROWS:
        return None
    if train_target.ndim == 2:
        labels = range(min(MAX_LABELS, train_target.shape[1]))
        shares = [
            share_given(train, train_target[:, i], asked, asked_target[:, i], is_number=False)
            for i in labels
        ]
        return max((share for share in shares if share is not None), default=None)
    share = _of_number if is_number else _of_class
    return max(0.0, share(train, train_target, asked, asked_target))


def _of_number(
    train: np.ndarray, target: np.ndarray, asked: np.ndarray, asked_target: np.ndarray
) -> float:
    counts = np.bincount(train)
    means = np.bincount(train, target) / np.maximum(counts, 1)
    means = np.append(np.where(counts > 0, means, target.mean()), target.mean())
    error = asked_target - means[np.minimum(asked, len(counts))]
    spread = ((asked_target - asked_target.mean()) ** 2).mean()
    return float(1 - (error**2).mean() / spread) if spread > 0 else 0.0


def _of_class(
    train: np.ndarray, target: np.ndarray, asked: np.ndarray, asked_target: np.ndarray
) -> float:
    classes, labels = np.unique(target, return_inverse=True)
    counts = np.bincount(labels)
    frequent = int(counts.argmax())
    pairs = np.bincount(train * len(classes) + labels)
    by_code = np.zeros((train.max(initial=0) + 1) * len(classes), dtype=np.int64)
    by_code[: len(pairs)] = pairs
    by_code = by_code.reshape(-1, len(classes))
    best = np.append(np.where(by_code.any(1), by_code.argmax(1), frequent), frequent)
    right = (classes[best[np.minimum(asked, len(by_code))]] == asked_target).mean()
    base = (asked_target == classes[frequent]).mean()
    return float((right - base) / (1 - base)) if base < 1 else 0.0


def codes_of_numbers(train: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers as bins of about as many training values each; 0 is missing. Shapes: (n,) floats."""
    present = train[np.isfinite(train)]
    if not len(present):
        return np.zeros(len(train), int), np.zeros(len(asked), int)
    edges = np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1)[1:-1]))
    return _binned(train, edges), _binned(asked, edges)


def _binned(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    bins = 1 + np.searchsorted(edges, values, side="right")
    return np.where(np.isfinite(values), bins, 0)


def codes_of_values(train: pd.Series, asked: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Texts as numbers of the most frequent training values; 0 is missing, 1 any other."""
    frequent = train.value_counts().sort_index(kind="stable").nlargest(MAX_VALUES).index
    index = pd.Index(frequent)
    codes = []
    for values in (train, asked):
        places = index.get_indexer(pd.Index(values.to_numpy(object)))
        codes.append(np.where(values.isna().to_numpy(), 0, np.where(places < 0, 1, places + 2)))
    return codes[0], codes[1]
