"""The reliability of probabilities: how often what they promise comes, bin by bin."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.stats.exchangeable import wilson_interval
from lepton.storage.predictions import SplitPredictions
from lepton.task.base import Task


def reliability_table(task: Task, rows: SplitPredictions) -> pd.DataFrame:
    """A row a bin of equal width that holds rows: how sure these are, and how often it came.

    Of two classes probabilities are those of the second, of several of the likeliest one, of labels
    there is a bin of each label. Intervals of shares are Wilson's, of as many rows as the weights
    are worth.
    Source: samples' worth by Kish 1965, Survey Sampling, section 11.7
    """
    counted = rows.at(torch.from_numpy(rows.counted))
    weight = None if counted.weight is None else counted.weight.numpy()
    weight = np.ones(len(counted.ids)) if weight is None else weight
    count, found = task.calibration_bins, []
    for label, confidence, came in _promises(task, counted.prediction, counted.target):
        edges = np.arange(1, count) / count
        places = np.searchsorted(edges, confidence, side="right")
        for place in np.unique(places):
            inside = places == place
            worth = weight[inside].sum() ** 2 / np.square(weight[inside]).sum()
            share = float(np.average(came[inside], weights=weight[inside]))
            low, high = wilson_interval(share * worth, worth)
            found.append(
                {
                    **{"label": label, "bins": count, "from": place / count},
                    **{"to": (place + 1) / count, "n": int(inside.sum())},
                    "confidence": float(np.average(confidence[inside], weights=weight[inside])),
                    **{"came": share, "low": float(max(low, 0)), "high": float(min(high, 1))},
                }
            )
    return pd.DataFrame(found)


def drawn_outcomes(
    task: Task, rows: SplitPredictions, count: int, generator: np.random.Generator
) -> Iterator[Tensor]:
    """Yields targets as they would be if the probabilities were right."""
    p = rows.prediction.double().numpy()
    for _ in range(count):
        if task.name == "multiclass":
            below = generator.uniform(size=(len(p), 1)) * p.sum(1, keepdims=True)
            drawn = np.minimum((p.cumsum(1) <= below).sum(1), p.shape[1] - 1)
        else:
            drawn = generator.uniform(size=p.shape) < p
        yield torch.from_numpy(drawn).to(rows.target.dtype)


def ece_interval(
    value: float, drawn: tuple[float, float], by_chance: np.ndarray
) -> tuple[float, float]:
    """The interval of a calibration error, by that of `drawn` rows.

    It begins at 0 where right probabilities would have as large an error in one of 40 cases.
    Source: the rest Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 13.4
    """
    low, high = without_bias(value, drawn)
    low = 0.0 if value <= np.quantile(by_chance, 0.975) else max(low, 0.0)
    return min(low, value), min(max(high, value), 1.0)


def without_bias(value: float, drawn: tuple[float, float]) -> tuple[float, float]:
    """The limits of drawn rows, turned around the value: the error of drawn rows, some of which
    come twice, is larger than the rows' own by about as much as theirs is than the true one."""
    low, high = drawn
    return 2 * value - high, 2 * value - low


def _promises(
    task: Task, prediction: Tensor, target: Tensor
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yields a name, the probabilities, and whether what they promise came."""
    p, y, classes = prediction.double().numpy(), target.numpy(), task.spec.classes
    if task.name == "multiclass":
        yield "the likeliest", p.max(1), p.argmax(1) == y
    elif task.name == "binary":
        yield classes[1], p, y == 1
    else:
        for column, label in enumerate(classes):
            yield label, p[:, column], y[:, column] == 1
