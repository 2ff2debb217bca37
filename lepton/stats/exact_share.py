"""Exact limits of a share that was counted."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv


def exact_lower_limit(successes: ArrayLike, n: int, alpha: float) -> np.ndarray:
    """The one-sided limit that lies above the true share with a chance of alpha at most.

    Source: Clopper & Pearson 1934, https://doi.org/10.1093/biomet/26.4.404
    """
    counts = np.asarray(successes, float)
    return np.where(counts > 0, betaincinv(np.maximum(counts, 1), n - counts + 1, alpha), 0.0)
