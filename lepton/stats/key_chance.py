"""Whether keys explain more of a score than chance: shares of shuffled scores."""

import numpy as np
import pandas as pd

from lepton.stats.repetitions import SPLIT_KEYS

SHUFFLES = 999
MAX_RUNS = 3000  # that are shuffled
MAX_VALUES, BINS = 8, 4  # a number of more values is cut into bins
BLOCK_KEYS = ("dataset", *SPLIT_KEYS, "seed")  # scores are shuffled among runs equal in these
MIN_BLOCK = 4  # runs on average; smaller blocks are joined


def key_p_values(frame: pd.DataFrame, keys: list[str], scores: np.ndarray) -> dict[str, float]:
    """For each key, how often shuffled scores differ more between the values of any key.

    Shapes: scores (runs,).
    Source: Westfall and Young 1993, Resampling-Based Multiple Testing, chapter 2
    """
    generator = np.random.default_rng(0)
    if len(frame) > MAX_RUNS:
        sample = generator.choice(len(frame), MAX_RUNS, replace=False)
        frame, scores = frame.iloc[sample], scores[sample]
    groups = [_one_hot(frame[key]) for key in keys]
    observed = _f_statistics(scores[None], groups)[0]
    shuffled = scores[_shuffles(_blocks(frame, keys), generator)]
    largest = _f_statistics(shuffled, groups).max(1)
    larger = (largest[:, None] >= observed * (1 - 1e-12)).sum(0)
    return dict(zip(keys, ((1 + larger) / (1 + SHUFFLES)).tolist(), strict=True))


def _one_hot(column: pd.Series) -> np.ndarray:
    """Shapes: (runs, values)."""
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > MAX_VALUES:
        column = pd.qcut(column.astype(float), BINS, labels=False, duplicates="drop")
    texts = column.map(lambda v: None if pd.isna(v) else str(v))
    codes = pd.factorize(texts, use_na_sentinel=False)[0]
    return (codes[:, None] == np.arange(codes.max() + 1)).astype(float)


def _f_statistics(scores: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """The variance between the values of each key by that within them.

    Shapes: scores (shuffles, runs), groups of (runs, values) -> (shuffles, keys).
    """
    runs = scores.shape[1]
    centered = scores - scores.mean(1, keepdims=True)
    total = np.square(centered).sum(1)
    statistics = np.zeros((len(scores), len(groups)))
    for i, group in enumerate(groups):
        between = (np.square(centered @ group) / group.sum(0)).sum(1)
        values = group.shape[1]
        if 1 < values < runs:
            within = np.maximum(total - between, 1e-12 * total)
            statistics[:, i] = between / (values - 1) / within * (runs - values)
    return statistics


def _blocks(frame: pd.DataFrame, keys: list[str]) -> np.ndarray:
    """A number for each run; runs of one number could have had each other's scores."""
    block_keys = [key for key in BLOCK_KEYS if key in frame and key not in keys]
    while block_keys:
        blocks = frame.groupby(block_keys, dropna=False).ngroup().to_numpy()
        if len(frame) >= MIN_BLOCK * (blocks.max() + 1):
            return blocks
        block_keys.pop()
    return np.zeros(len(frame), int)


def _shuffles(blocks: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Random orders of the runs within their blocks. Shapes: (SHUFFLES, runs)."""
    orders = np.empty((SHUFFLES, len(blocks)), int)
    in_order = np.argsort(blocks, kind="stable")
    random = generator.uniform(size=orders.shape)
    orders[:, in_order] = np.argsort(blocks + random, axis=1)
    return orders
