"""How much of the variation of a study's score each key explains."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

LEAST = 10  # runs; fewer say nothing
MOST = 3000  # runs a forest is grown on
PARTS, TREES, SHUFFLES = 5, 100, 5


@dataclass(frozen=True)
class Importance:
    """Shares of the variance of the score, at most 1 each.

    `pairs` holds what two keys explain together beyond what each does alone.
    """

    method: str
    shares: dict[str, float]  # by key, largest first
    pairs: dict[tuple[str, str], float]
    explained: float  # by all keys together; the rest is seeds and chance
    levels: dict[str, int]
    chance: (
        dict[str, float] | None
    )  # what a key of as many values explains of noise; None: not known

    @property
    def largest(self) -> tuple[str, str] | None:
        """The two keys that explain most."""
        return tuple([*self.shares][:2]) if len(self.shares) > 1 else None


def importance(frame: pd.DataFrame, keys: list[str], score: str = "score") -> Importance | None:
    """In closed form for a balanced grid, else by a forest; None where there is nothing to weigh.

    Scores of several data sets are made comparable by their mean and spread on each.
    """
    frame = frame[frame[score].notna()]
    keys = [key for key in keys if key in frame and key != "dataset"]
    keys = [key for key in keys if frame[key].nunique() + frame[key].isna().any() > 1]
    if len(frame) < LEAST or not keys:
        return None
    y = comparable(frame, score)
    if y.std() == 0:
        return None
    coded = pd.DataFrame({key: _codes(frame[key]) for key in keys}, index=frame.index)
    cells = coded.groupby(keys).size()
    balanced = len(cells) == np.prod(coded.nunique()) and cells.nunique() == 1
    return _anova(coded, y) if balanced else _forest(frame, keys, y)


def comparable(frame: pd.DataFrame, score: str) -> np.ndarray:
    """Scores; of several data sets in standard deviations from the mean on each."""
    values = frame[score].astype(float)
    if "dataset" in frame and frame["dataset"].nunique() > 1:
        by = values.groupby(frame["dataset"])
        values = (values - by.transform("mean")) / by.transform("std").replace(0, 1)
    return values.fillna(0).to_numpy()


def _codes(column: pd.Series) -> np.ndarray:
    return pd.factorize(
        column.map(lambda v: None if pd.isna(v) else str(v)), use_na_sentinel=False
    )[0]


def _anova(coded: pd.DataFrame, y: np.ndarray) -> Importance:
    """Functional ANOVA: sums of squares of the means of every value, and of every two.

    Source: Hooker 2007, https://doi.org/10.1198/106186007X237892; on a balanced grid it is the
        classical analysis of variance.
    """
    total = np.square(y - y.mean()).sum()
    single = {key: _between([coded[key]], y) / total for key in coded}
    double = {
        (a, b): max(0.0, _between([coded[a], coded[b]], y) / total - single[a] - single[b])
        for a, b in combinations(coded, 2)
    }
    explained = _between([coded[key] for key in coded], y) / total
    levels = coded.nunique()
    chance = {key: (levels[key] - 1) / (len(y) - 1) for key in coded}
    return _sorted("functional ANOVA of a balanced grid", single, double, explained, levels, chance)


def _between(by: list[pd.Series], y: np.ndarray) -> float:
    """Sum of squares between the groups."""
    values = pd.Series(y, index=by[0].index)
    means = values.groupby(by).transform("mean")
    return float(np.square(means - y.mean()).sum())


def _forest(frame: pd.DataFrame, keys: list[str], y: np.ndarray) -> Importance:
    """How much worse a forest predicts held-out runs once a key's values are shuffled.

    Half the added squared error is the variance that a key explains, alone or with others; what
    two share is counted in both, and so is their interaction. Repetitions of a setting are held
    out together. Sources: Breiman 2001, https://doi.org/10.1023/A:1010933404324; the half is
    Jansen's estimate, https://doi.org/10.1016/S0010-4655(98)00154-4
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import GroupKFold

    if len(frame) > MOST:
        chosen = np.random.default_rng(0).choice(len(frame), MOST, replace=False)
        frame, y = frame.iloc[chosen], y[chosen]
    x = np.column_stack([_numbers(frame[key]) for key in keys])
    settings = pd.DataFrame(x).groupby(list(range(len(keys))), dropna=False).ngroup().to_numpy()
    parts = min(PARTS, len(np.unique(settings)))
    order: list[tuple[int, ...]] = [(i,) for i in range(len(keys))]
    fitted = []
    for train, held in GroupKFold(parts, shuffle=True, random_state=0).split(x, y, settings):
        forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=0, n_jobs=1)
        fitted.append((forest.fit(x[train], y[train]), held))
    errors = {(): _error(fitted, x, y, ())} | {c: _error(fitted, x, y, c) for c in order}
    top = sorted(order, key=lambda c: -errors[c])[:2]
    scale, base = 2 * y.var(), errors[()]
    single = {keys[i]: max(0.0, (errors[(i,)] - base) / scale) for (i,) in order}
    double = {}
    if len(top) == 2:
        a, b = top[0][0], top[1][0]
        joint = (_error(fitted, x, y, (a, b)) - base) / scale
        double[keys[a], keys[b]] = max(0.0, single[keys[a]] + single[keys[b]] - joint)
    levels = frame[keys].nunique()
    method = "permutation importance of a random forest on held-out runs"
    return _sorted(method, single, double, max(0.0, 1 - base / y.var()), levels, None)


def _error(fitted: list, x: np.ndarray, y: np.ndarray, columns: tuple[int, ...]) -> float:
    """Mean squared error on held-out runs with some columns shuffled together."""
    generator, total, count = np.random.default_rng(0), 0.0, 0
    for forest, held in fitted:
        for _ in range(SHUFFLES if columns else 1):
            part = x[held].copy()
            part[:, columns] = part[generator.permutation(len(held))][:, columns]
            total += np.square(forest.predict(part) - y[held]).sum()
            count += len(held)
    return total / count


def _numbers(column: pd.Series) -> np.ndarray:
    """Numbers as they are, everything else as codes; nothing is -1e9, beside every number."""
    plain = column.dropna().map(type).isin([int, float]).all()
    if plain and column.notna().any():
        return column.astype(float).fillna(-1e9).to_numpy()
    return _codes(column).astype(float)


def _sorted(method, single, double, explained, levels, chance) -> Importance:
    order = dict(sorted(single.items(), key=lambda item: -item[1]))
    pairs = dict(sorted(double.items(), key=lambda item: -item[1]))
    return Importance(method, order, pairs, float(explained), levels.to_dict(), chance)
