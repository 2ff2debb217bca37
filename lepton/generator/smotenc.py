"""Smotenc: rows between a training row and one of its neighbours, by imbalanced-learn."""

from collections.abc import Mapping

import numpy as np

from lepton.compat.imblearn import recording_sampler
from lepton.generator.generator import Generator
from lepton.generator.rows import GeneratedRows, TableRows, class_counts, joined
from lepton.seeds import derive
from lepton.values.bounds import AtLeast1

NEEDED_BY = "the generator smotenc"


class Smotenc(Generator):
    """A number lies between those of a row and a neighbour of its class, a category is the most
    frequent one of the neighbours.

    Numbers count in standard deviations; a target that is a number is one of them. SMOTE is taken
    where all columns are numbers, SMOTEN where none is.
    Source: Chawla et al. 2002, https://arxiv.org/abs/1106.1813
    """

    def __init__(self, *, neighbors: AtLeast1):
        self.neighbors = neighbors

    def make(self, rows: TableRows, count: int, seed: int) -> GeneratedRows:
        return self.of_classes(rows, class_counts(_labels(rows), count), seed)

    def of_classes(self, rows: TableRows, sizes: Mapping[int, int], seed: int) -> GeneratedRows:
        """So many rows of each class as `sizes` says, one class after the other."""
        scale = rows.numbers.std(axis=0)
        scale[scale == 0] = 1.0
        scaled = rows.with_cells(rows.numbers / scale, rows.codes)
        parts, parents = [], []
        labels = _labels(rows)
        for label, size in sizes.items():
            of_class, others = np.flatnonzero(labels == label), np.flatnonzero(labels != label)
            made, between = self._between(scaled, of_class, others, size, derive(seed, label))
            numbers = _kept_in_range(made.numbers * scale, rows.numbers[of_class])
            parts.append(made.with_cells(numbers, made.codes))
            parents.append(of_class[between])
        return GeneratedRows(joined(parts), np.concatenate(parents))

    def _between(
        self, rows: TableRows, of_class: np.ndarray, others: np.ndarray, count: int, seed: int
    ) -> tuple[TableRows, np.ndarray]:
        """So many rows of a class, and between which of its rows each lies."""
        has_label, numbers = rows.target == "class", rows.numbers.shape[1]
        inputs = rows.codes[:, :-1] if has_label else rows.codes
        others = others if len(others) else of_class[:1]  # the sampler asks for another class
        given = np.concatenate([of_class, others])
        is_other = np.arange(len(given)) >= len(of_class)
        sampler = recording_sampler(
            numbers,
            inputs.shape[1],
            needed_by=NEEDED_BY,
            sampling_strategy={0: len(of_class) + count},
            k_neighbors=min(self.neighbors, len(of_class) - 1),
            random_state=seed % 2**32,
        )
        cells = np.concatenate([rows.numbers, inputs], axis=1)[given]
        cells = cells if numbers else cells.astype(np.int64)
        made = sampler.fit_resample(cells, is_other.astype(int))[0][len(given) :]  # behind the old
        codes = made[:, numbers:].astype(np.int64)
        if has_label:
            codes = np.column_stack([codes, np.full(count, rows.labels[of_class[0]])])
        return rows.with_cells(made[:, :numbers].astype(float), codes), sampler.parents


def _labels(rows: TableRows) -> np.ndarray:
    """The class of each row; where the target is a number all are of one. Shapes: (n,)"""
    return rows.labels if rows.target == "class" else np.zeros(len(rows), dtype=np.int64)


def _kept_in_range(numbers: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Numbers that rounding has moved out of those of training, moved back."""
    return np.clip(numbers, train.min(axis=0), train.max(axis=0)) if len(train) else numbers
