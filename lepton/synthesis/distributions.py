"""How columns of generated rows are distributed, each by itself and in pairs, beside training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from lepton.generator.rows import TableRows


def column_distances(
    train: TableRows, others: dict[str, TableRows], names: Sequence[str]
) -> pd.DataFrame:
    """A row a column: how far each of the others is from training, and in missing cells.

    Of numbers it is the largest gap of their distribution functions (ks), of categories half the
    sum of the differences of their shares (tv). `names`: numbers first.
    """
    width, frame = train.numbers.shape[1], []
    for place, name in enumerate(names):
        is_number = place < width
        row: dict[str, Any] = {"column": name, "measure": "ks" if is_number else "tv"}
        for what, rows in others.items():
            if is_number:
                own, theirs = train.numbers[:, place], rows.numbers[:, place]
                row[what] = _ks(own, theirs)
                row[f"{what}_missing"] = np.isnan(theirs).mean() - np.isnan(own).mean()
            else:
                code = place - width
                size = train.sizes[code] + 1  # the first is what training has not
                row[what] = _tv(train.codes[:, code] + 1, rows.codes[:, code] + 1, size)
        frame.append(row)
    return pd.DataFrame(frame)


def pair_associations(
    train: TableRows,
    others: dict[str, TableRows],
    names: Sequence[str],
    *,
    bins: int,
    most_columns: int,
) -> pd.DataFrame:
    """A row a pair of columns: Cramer's V of each set of rows, numbers cut into bins of training.

    Of more columns those that come first are taken, and the target. Source of the correction for
    chance: Bergsma 2013, https://doi.org/10.1016/j.jkss.2012.10.002
    """
    cut = {what: _binned(rows, train, bins) for what, rows in {"train": train, **others}.items()}
    target = train.numbers.shape[1] - 1 if train.target == "number" else len(names) - 1
    columns = [target, *(c for c in range(len(names)) if c != target)][:most_columns]
    frame = []
    for i, first in enumerate(columns):
        for second in columns[i + 1 :]:
            pair: dict[str, Any] = {"first": names[first], "second": names[second]}
            for what, codes in cut.items():
                pair[what] = _cramers_v(codes[:, first], codes[:, second])
            frame.append(pair)
    return pd.DataFrame(frame, columns=["first", "second", *cut])


def association_kept(pairs: pd.DataFrame, what: str) -> float | None:
    """How much of the associations of training a set of rows has; None where there are none.

    The slope of a line through the origin, so that chance in single pairs averages out.
    """
    total = (pairs["train"] ** 2).sum()
    return float((pairs[what] * pairs["train"]).sum() / total) if total > 0 else None


def _ks(own: np.ndarray, theirs: np.ndarray) -> float:
    own, theirs = own[~np.isnan(own)], theirs[~np.isnan(theirs)]
    if not len(own) or not len(theirs):
        return float(len(own) != len(theirs))
    return float(ks_2samp(own, theirs).statistic)


def _tv(own: np.ndarray, theirs: np.ndarray, size: int) -> float:
    shares = [np.bincount(codes, minlength=size) / len(codes) for codes in (own, theirs)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _binned(rows: TableRows, train: TableRows, bins: int) -> np.ndarray:
    """All columns as codes from 0. Shapes: -> (n, F + C)"""
    columns = []
    for own, known in zip(rows.numbers.T, train.numbers.T, strict=True):
        known = known[~np.isnan(known)]
        levels = np.linspace(0, 1, bins + 1)[1:-1]
        edges = np.unique(np.quantile(known, levels)) if len(known) else np.empty(0)
        codes = np.searchsorted(edges, own, side="left") + 1
        columns.append(np.where(np.isnan(own), 0, codes))
    return np.column_stack([*columns, rows.codes + 1]).astype(np.int64)


def _cramers_v(first: np.ndarray, second: np.ndarray) -> float:
    """Cramer's V, corrected for chance; 0 where one of them has a single value."""
    width = int(second.max()) + 1
    counts = np.bincount(first * width + second, minlength=(int(first.max()) + 1) * width)
    counts = counts.reshape(-1, width).astype(float)
    counts = counts[counts.any(1)][:, counts.any(0)]
    n, (rows, columns) = counts.sum(), counts.shape
    if min(rows, columns) < 2:
        return 0.0
    expected = np.outer(counts.sum(1), counts.sum(0)) / n
    phi2 = ((counts - expected) ** 2 / expected).sum() / n
    phi2 = max(0.0, phi2 - (rows - 1) * (columns - 1) / (n - 1))
    sizes = [k - (k - 1) ** 2 / (n - 1) for k in (rows, columns)]
    return float(np.sqrt(phi2 / max(min(sizes) - 1, 1e-12)))
