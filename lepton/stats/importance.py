"""Importance of settings: the share of the variation of a study's score that each key explains."""

from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lepton.stats.key_chance import key_p_values

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

MIN_RUNS = 10  # fewer say nothing
MAX_FOREST_RUNS = 3000  # that a forest is grown on
FOLDS, TREES, SHUFFLES = 5, 100, 5
MISSING = -1e9  # stands for a missing number, beside every other


@dataclass(frozen=True)
class Importance:
    """Shares of the variance of the score, at most 1 each.

    `pairs` holds what two keys explain together beyond what each does alone.
    """

    method: str
    shares: dict[str, float]  # by key, largest first
    pairs: dict[tuple[str, str], float]
    explained: float  # by all keys together; the rest is seeds and chance
    levels: dict[str, int]  # number of values by key
    # what a key of as many values explains of noise; None where that is not known
    chance: dict[str, float] | None
    p: dict[str, float] = field(default_factory=dict)  # by key: shuffled scores explain as much

    @property
    def top_two(self) -> tuple[str, str] | None:
        """The two keys that explain most."""
        if len(self.shares) < 2:
            return None
        first, second, *_ = self.shares
        return first, second


def importance(frame: pd.DataFrame, keys: list[str], score: str = "score") -> Importance | None:
    """The importance of keys: in closed form for a balanced grid, else by a forest; None where
    there is nothing to weigh.

    Scores of several data sets are made comparable by their mean and spread on each.
    """
    frame = frame[frame[score].notna()]
    keys = [key for key in keys if key in frame and key != "dataset"]
    keys = [key for key in keys if frame[key].nunique() + frame[key].isna().any() > 1]
    if len(frame) < MIN_RUNS or not keys:
        return None
    y = comparable_scores(frame, score)
    if y.std() == 0:
        return None
    codes = pd.DataFrame({key: _codes(frame[key]) for key in keys}, index=frame.index)
    runs_by_setting = codes.groupby(keys).size()
    has_all_settings = len(runs_by_setting) == np.prod(codes.nunique())
    is_balanced = has_all_settings and runs_by_setting.nunique() == 1
    weigh = _anova_importance(codes, y) if is_balanced else _forest_importance(frame, keys, y)
    return replace(weigh, p=key_p_values(frame, keys, y))


def comparable_scores(frame: pd.DataFrame, score: str) -> np.ndarray:
    """The scores; those of several data sets in standard deviations from the mean on each.

    Shapes: (runs,).
    """
    scores = frame[score].astype(float)
    if "dataset" in frame and frame["dataset"].nunique() > 1:
        by_dataset = scores.groupby(frame["dataset"])
        spread = by_dataset.transform("std").replace(0, 1)
        scores = (scores - by_dataset.transform("mean")) / spread
    return scores.fillna(0).to_numpy()


def _codes(column: pd.Series) -> np.ndarray:
    """A number for each different value; null is one."""
    texts = column.map(lambda v: None if pd.isna(v) else str(v))
    return pd.factorize(texts, use_na_sentinel=False)[0]


def _anova_importance(codes: pd.DataFrame, y: np.ndarray) -> Importance:
    """Functional ANOVA: sums of squares of the means of every value, and of every two.

    Source: Hooker 2007, https://doi.org/10.1198/106186007X237892; on a balanced grid it is the
        classical analysis of variance.
    """
    total = np.square(y - y.mean()).sum()
    shares = {key: _squares_between([codes[key]], y) / total for key in codes}
    pair_shares = {}
    for a, b in combinations(codes, 2):
        together = _squares_between([codes[a], codes[b]], y) / total
        pair_shares[a, b] = max(0.0, together - shares[a] - shares[b])
    levels = codes.nunique()
    return _sorted_importance(
        "functional ANOVA of a balanced grid",
        shares,
        pair_shares,
        explained=_squares_between([codes[key] for key in codes], y) / total,
        levels=levels,
        chance={key: (levels[key] - 1) / (len(y) - 1) for key in codes},
    )


def _squares_between(groups: list[pd.Series], y: np.ndarray) -> float:
    """The sum of squares between groups."""
    means = pd.Series(y, index=groups[0].index).groupby(groups).transform("mean")
    return float(np.square(means - y.mean()).sum())


def _forest_importance(frame: pd.DataFrame, keys: list[str], y: np.ndarray) -> Importance:
    """Permutation importance: the error that a forest adds on held-out runs once a key's values
    are shuffled.

    Half the added squared error is the variance that a key explains, alone or with others; what
    two share is counted in both, and so is their interaction. Repetitions of a setting are held
    out together.
    Source: Breiman 2001, https://doi.org/10.1023/A:1010933404324; the half is Jansen's estimate,
        https://doi.org/10.1016/S0010-4655(98)00154-4
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import GroupKFold

    if len(frame) > MAX_FOREST_RUNS:
        sample = np.random.default_rng(0).choice(len(frame), MAX_FOREST_RUNS, replace=False)
        frame, y = frame.iloc[sample], y[sample]
    x = np.column_stack([_numbers(frame[key]) for key in keys])
    settings = pd.DataFrame(x).groupby(list(range(len(keys))), dropna=False).ngroup().to_numpy()
    folds = GroupKFold(min(FOLDS, len(np.unique(settings))), shuffle=True, random_state=0)
    forests = []
    for train_rows, held_out_rows in folds.split(x, y, settings):
        forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=0, n_jobs=1)
        forests.append((forest.fit(x[train_rows], y[train_rows]), held_out_rows))
    base_error = _held_out_error(forests, x, y, shuffled=())
    errors = [_held_out_error(forests, x, y, shuffled=(i,)) for i in range(len(keys))]
    scale = 2 * y.var()
    shares = {
        key: max(0.0, (error - base_error) / scale) for key, error in zip(keys, errors, strict=True)
    }
    pair_shares = {}
    if len(keys) > 1:
        a, b = sorted(range(len(keys)), key=lambda i: -errors[i])[:2]
        together = (_held_out_error(forests, x, y, shuffled=(a, b)) - base_error) / scale
        pair_shares[keys[a], keys[b]] = max(0.0, shares[keys[a]] + shares[keys[b]] - together)
    return _sorted_importance(
        "permutation importance of a random forest on held-out runs",
        shares,
        pair_shares,
        explained=max(0.0, 1 - base_error / y.var()),
        levels=frame[keys].nunique(),
        chance=None,
    )


def _held_out_error(
    forests: list[tuple["RandomForestRegressor", np.ndarray]],
    x: np.ndarray,
    y: np.ndarray,
    *,
    shuffled: tuple[int, ...],
) -> float:
    """The mean squared error on held-out runs with some columns shuffled together."""
    generator, total, count = np.random.default_rng(0), 0.0, 0
    for forest, rows in forests:
        for _ in range(SHUFFLES if shuffled else 1):
            inputs = x[rows].copy()
            inputs[:, shuffled] = inputs[generator.permutation(len(rows))][:, shuffled]
            total += np.square(forest.predict(inputs) - y[rows]).sum()
            count += len(rows)
    return total / count


def _numbers(column: pd.Series) -> np.ndarray:
    """Numbers as they are, with MISSING for null; everything else as codes."""
    is_numeric = column.dropna().map(type).isin([int, float]).all()
    if is_numeric and column.notna().any():
        return column.astype(float).fillna(MISSING).to_numpy()
    return _codes(column).astype(float)


def _sorted_importance(
    method: str,
    shares: dict[str, float],
    pair_shares: dict[tuple[str, str], float],
    *,
    explained: float,
    levels: pd.Series,
    chance: dict[str, float] | None,
) -> Importance:
    return Importance(
        method=method,
        shares=dict(sorted(shares.items(), key=lambda item: -item[1])),
        pairs=dict(sorted(pair_shares.items(), key=lambda item: -item[1])),
        explained=float(explained),
        levels=levels.to_dict(),
        chance=chance,
    )
