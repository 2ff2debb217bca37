"""Split-conformal prediction: limits of scores that hold further rows with a stated chance."""

import math

import numpy as np


def fewest_rows(alpha: float) -> int:
    """The calibration rows without which no finite limit has the coverage 1 - alpha."""
    return math.ceil(1 / alpha - 1 - 1e-9)


def conformal_limit(scores: np.ndarray, alpha: float) -> float:
    """The score that one more row of the same kind exceeds with a chance of alpha at most.

    It is the one in place (n + 1) (1 - alpha), rounded up, of n scores in order.
    Source: Vovk et al. 2005, Algorithmic Learning in a Random World, proposition 4.1
    """
    place = _place(len(scores), alpha)
    return float(np.partition(scores, place - 1)[place - 1])


def usual_coverage(calibrated: int, rows: int, alpha: float) -> tuple[float, float]:
    """Between which shares 95 of 100 tests of so many rows lie, by a limit of so many others.

    Source: Vovk 2012, https://arxiv.org/abs/1209.2673, section 4
    """
    from scipy.stats import betabinom  # which costs half a second

    place = _place(calibrated, alpha)
    spread = betabinom(rows, place, calibrated + 1 - place)
    return float(spread.ppf(0.025) / rows), float(spread.ppf(0.975) / rows)


def _place(rows: int, alpha: float) -> int:
    """The number of the score in order, from 1. It is `rows` at most with `fewest_rows` of them."""
    return math.ceil((rows + 1) * (1 - alpha) - 1e-9)
