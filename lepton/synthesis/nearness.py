"""How near generated rows are to training rows, beside real rows that no generator has seen."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from lepton.generator.rows import TableRows

BLOCK_CELLS = 4_000_000  # distances at a time


@dataclass(frozen=True)
class Nearness:
    """Shares of rows that are a training row, and that are nearer to one than few real rows are.

    `limit`: the distance that counts as near, below which so few of the held-out rows lie.
    Units: a distance is a mean over columns: of a category 1 where it differs, of a number the
    share of training rows between, and 1/2 to 1 where one is missing.
    Shapes: generated, held_out (n,), the distance of each row to the nearest training row.
    """

    generated: np.ndarray
    held_out: np.ndarray
    limit: float

    def exact(self, distances: np.ndarray) -> float:
        return float((distances == 0).mean())

    def near(self, distances: np.ndarray) -> float:
        return float((distances <= self.limit).mean())


def nearness(
    train: TableRows,
    generated: TableRows,
    held_out: TableRows,
    *,
    quantile: float,
    most_rows: int,
    seed: int,
) -> Nearness:
    """The nearness of generated and held-out rows, of so many of each at most."""
    rng = np.random.default_rng(seed)
    scale = _Scale(train)
    known = scale.cells(train)
    distances = []
    for rows in (generated, held_out):
        some = rows.at(np.sort(rng.permutation(len(rows))[:most_rows]))
        distances.append(_to_nearest(scale.cells(some), known))
    limit = float(np.quantile(distances[1], quantile, method="lower"))
    return Nearness(distances[0], distances[1], limit)


_Cells = tuple[np.ndarray, np.ndarray, np.ndarray]  # places, codes, whether a number is missing


class _Scale:
    """Numbers as their places among those of training, 0 to 1, and which are missing."""

    def __init__(self, train: TableRows):
        self.sorted = [np.sort(c[~np.isnan(c)]) for c in train.numbers.T]

    def cells(self, rows: TableRows) -> _Cells:
        places = np.zeros_like(rows.numbers)
        for c, known in enumerate(self.sorted):
            values, count = rows.numbers[:, c], max(len(known), 1)
            left, right = (np.searchsorted(known, values, side) for side in ("left", "right"))
            places[:, c] = (left + right) / (2 * count)
        is_missing = np.isnan(rows.numbers)
        places[is_missing] = 0.5
        return places, rows.codes, is_missing


def _to_nearest(rows: _Cells, known: _Cells) -> np.ndarray:
    """The distance of each row to the nearest of those known. Shapes: -> (n,)"""
    numbers, categories = (cells.shape[1] for cells in known[:2])
    block = max(1, BLOCK_CELLS // len(known[0]))
    nearest = []
    for start in range(0, len(rows[0]), block):
        places, codes, is_missing = (cells[start : start + block] for cells in rows)
        distances = np.zeros((len(places), len(known[0])))
        if numbers:
            distances += cdist(places, known[0], "cityblock")
            distances += cdist(is_missing, known[2], "hamming") * numbers / 2
        if categories:
            distances += cdist(codes, known[1], "hamming") * categories
        nearest.append(distances.min(axis=1) / (numbers + categories))
    return np.concatenate(nearest)
