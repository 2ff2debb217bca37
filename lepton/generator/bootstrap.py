"""Bootstrap: copies of training rows, by which a judge of generated rows is judged."""

import numpy as np

from lepton.generator.generator import Generator
from lepton.generator.rows import GeneratedRows, TableRows


class Bootstrap(Generator):
    """Draws training rows with replacement."""

    def make(self, rows: TableRows, count: int, seed: int) -> GeneratedRows:
        drawn = np.random.default_rng(seed).integers(len(rows), size=count)
        return GeneratedRows(rows.at(drawn), drawn[:, None])
