"""Copula: columns with their own distributions, joined by the correlations of their ranks."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import ndtr
from scipy.stats import rankdata

from lepton.generator.generator import Generator, no_parents
from lepton.generator.rows import GeneratedRows, TableRows, class_counts, joined
from lepton.seeds import derive
from lepton.values.bounds import AtLeast0

FIT_DRAWS = 4000  # by which correlations are fitted
MOST = 0.999  # of a correlation
LEAST_EIGENVALUE = 1e-6


class Copula(Generator):
    """A Gaussian copula: cells take the values of training, with its rank correlations.

    Categories are ordered by the mean target of their rows.
    Source: Cario and Nelson 1997, Modeling and Generating Random Vectors with Arbitrary Marginal
        Distributions and Correlation Matrix
    """

    def __init__(self, *, by_class: bool, iterations: AtLeast0):
        self.by_class, self.iterations = by_class, iterations

    def make(self, rows: TableRows, count: int, seed: int) -> GeneratedRows:
        ordered, orders = _ordered(rows)
        if rows.target == "number" or not self.by_class:
            cells = self._cells(_together(ordered), count, seed)
            generated = _apart(cells, rows)
        else:
            parts = []
            for label, size in class_counts(rows.labels, count).items():
                own = _together(ordered.at(rows.labels == label))[:, :-1]  # all but the label
                cells = self._cells(own, size, derive(seed, label))
                parts.append(_apart(np.column_stack([cells, np.full(size, label)]), rows))
            generated = joined(parts)
        codes = np.column_stack(
            [order[column] for order, column in zip(orders, generated.codes.T, strict=True)]
            or [generated.codes]
        )
        return GeneratedRows(rows.with_cells(generated.numbers, codes), no_parents(count))

    def _cells(self, cells: np.ndarray, count: int, seed: int) -> np.ndarray:
        """So many rows of cells like these. Shapes: (n, d) -> (count, d)"""
        rng = np.random.default_rng(seed)
        normal = rng.standard_normal((FIT_DRAWS, cells.shape[1]))
        fitted = _FittedCopula.of(cells, normal, self.iterations)
        return fitted.draw(rng.standard_normal((count, cells.shape[1])))


@dataclass(frozen=True)
class _FittedCopula:
    """Shapes: values and ranks (n, d), sorted in each column; root (d, d)."""

    values: np.ndarray
    ranks: np.ndarray
    root: np.ndarray

    @classmethod
    def of(cls, cells: np.ndarray, normal: np.ndarray, iterations: int) -> Self:
        """The copula whose draws have the rank correlations of the cells."""
        ranks = rankdata(cells, axis=0)
        wanted = _correlation(ranks)
        latent = 2 * np.sin(np.pi / 6 * wanted)  # exact where no two cells of a column are equal
        values, ranks = np.sort(cells, axis=0), np.sort(ranks, axis=0)
        copula = cls(values, ranks, _root(latent))
        for _ in range(iterations):  # columns of few values need more than that
            drawn = _correlation(np.take_along_axis(ranks, copula.places(normal), axis=0))
            latent = np.clip(latent + (wanted - drawn), -MOST, MOST)
            copula = cls(values, ranks, _root(latent))
        return copula

    def draw(self, normal: np.ndarray) -> np.ndarray:
        """The cells that standard normal numbers stand for. Shapes: (m, d) -> (m, d)"""
        return np.take_along_axis(self.values, self.places(normal), axis=0)

    def places(self, normal: np.ndarray) -> np.ndarray:
        """The places of these cells among the sorted ones. Shapes: (m, d) -> (m, d)"""
        uniform = ndtr(normal @ self.root)
        return np.minimum((uniform * len(self.values)).astype(int), len(self.values) - 1)


def _correlation(values: np.ndarray) -> np.ndarray:
    """The correlations of columns; 0 with one that never varies. Shapes: (n, d) -> (d, d)"""
    centred = values - values.mean(axis=0)
    spread = np.sqrt((centred**2).sum(axis=0))
    scaled = centred / np.where(spread > 0, spread, 1.0)
    correlation = scaled.T @ scaled
    np.fill_diagonal(correlation, 1.0)
    return correlation


def _root(correlation: np.ndarray) -> np.ndarray:
    """A root of the nearest matrix that is one of correlations. Shapes: (d, d) -> (d, d)"""
    symmetric = (correlation + correlation.T) / 2
    np.fill_diagonal(symmetric, 1.0)
    eigenvalues, vectors = np.linalg.eigh(symmetric)
    root = np.sqrt(np.maximum(eigenvalues, LEAST_EIGENVALUE))[:, None] * vectors.T
    return root / np.sqrt((root**2).sum(axis=0))


def _ordered(rows: TableRows) -> tuple[TableRows, list[np.ndarray]]:
    """The rows with categories numbered by the mean target of their rows, and what each was."""
    target = rows.numbers[:, -1] if rows.target == "number" else rows.labels.astype(float)
    codes, orders, inputs = rows.codes.copy(), [], rows.codes.shape[1] - (rows.target == "class")
    for c, size in enumerate(rows.sizes):
        order = np.arange(size)
        if c < inputs:
            counts = np.bincount(codes[:, c], minlength=size)
            sums = np.bincount(codes[:, c], target, minlength=size)
            order = np.argsort(sums / np.maximum(counts, 1), kind="stable")
            codes[:, c] = np.argsort(order)[codes[:, c]]
        orders.append(order)
    return rows.with_cells(rows.numbers, codes), orders


def _together(rows: TableRows) -> np.ndarray:
    """Numbers, then codes. Shapes: -> (n, F + C)"""
    return np.concatenate([rows.numbers, rows.codes], axis=1)


def _apart(cells: np.ndarray, like: TableRows) -> TableRows:
    numbers = like.numbers.shape[1]
    return like.with_cells(cells[:, :numbers], cells[:, numbers:].astype(np.int64))
