"""A made-up table, to try models without data."""

from typing import Any

import numpy as np

from lepton.spec import QUANTILE_LEVELS

NUMBERS, CARDINALITIES = 3, (4, 6)


def table_fields(
    numbers: int = NUMBERS, cardinalities: tuple[int, ...] = CARDINALITIES
) -> dict[str, Any]:
    """The spec fields of a made-up table: so many numbers, and categories with so many codes."""
    normal = np.random.default_rng(0).normal(size=500)
    levels = tuple(np.quantile(normal, np.linspace(0, 1, QUANTILE_LEVELS)).tolist())
    return {
        "num_features": tuple(f"num_{i}" for i in range(numbers)),
        "cat_features": tuple(f"cat_{i}" for i in range(len(cardinalities))),
        "cat_cardinalities": cardinalities,
        "quantiles": (levels,) * numbers,
    }
