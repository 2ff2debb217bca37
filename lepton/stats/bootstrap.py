"""Intervals of metrics by the bootstrap: what other rows of the same kind would have given."""

from collections.abc import Callable, Mapping

import numpy as np

Intervals = dict[str, tuple[float, float]]


def bootstrap_intervals(
    score: Callable[[np.ndarray], Mapping[str, float]],
    rows: np.ndarray,
    *,
    resamples: int,
    seed: int,
) -> Intervals:
    """95 % percentile intervals of metrics by name, over samples of the rows with replacement.

    `rows` are the positions of those that count, `score` gives the metrics of rows by their
    positions, so that a row is drawn with its weight. Rows are taken as independent: of rows
    that belong together, as those of one patient, the intervals are too narrow.
    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13
    """
    generator = np.random.default_rng(seed)
    values: dict[str, list[float]] = {}
    for _ in range(resamples):
        drawn_rows = rows[generator.integers(0, len(rows), len(rows))]
        for name, value in score(drawn_rows).items():
            values.setdefault(name, []).append(value)
    return {
        name: tuple(np.nanquantile(drawn, (0.025, 0.975)).tolist())
        for name, drawn in values.items()
        if np.isfinite(drawn).any()
    }
