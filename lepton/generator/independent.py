"""Independent: each column drawn by itself, by which a judge of generated rows is judged."""

import numpy as np

from lepton.generator.generator import Generator, no_parents
from lepton.generator.rows import GeneratedRows, TableRows


class Independent(Generator):
    """Draws each cell from the training rows, whatever the others of its row are."""

    def make(self, rows: TableRows, count: int, seed: int) -> GeneratedRows:
        rng = np.random.default_rng(seed)
        numbers, codes = (
            np.take_along_axis(cells, rng.integers(len(rows), size=(count, cells.shape[1])), axis=0)
            for cells in (rows.numbers, rows.codes)
        )
        return GeneratedRows(rows.with_cells(numbers, codes), no_parents(count))
