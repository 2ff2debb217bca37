"""What goes wrong with tables: cells missing, numbers noisy, columns shuffled, units swapped."""

import numpy as np
import pandas as pd

from lepton.dataset.clean.column_kinds import parse_columns
from lepton.dataset.corruptions.corruptions import Change, Corruptions, by_name
from lepton.dataset.inputs.kind import Rows
from lepton.spec import DataSpec

MISSING_SHARE = (0.05, 0.1, 0.2, 0.3, 0.5)  # of all cells
NOISE = (0.1, 0.25, 0.5, 0.75, 1.0)  # standard deviations of each column
SHUFFLED_SHARE = (0.1, 0.2, 0.3, 0.4, 0.5)  # of the columns, one at least
SWAPPED_SHARE = (0.01, 0.05, 0.1, 0.2, 0.3)  # of the cells with numbers
FACTORS = (0.001, 0.1, 10.0, 1000.0)  # between two units that are taken for each other


def missing_cells(
    table: pd.DataFrame, severity: int, generator: np.random.Generator
) -> pd.DataFrame:
    """Takes cells out of all columns."""
    return table.mask(generator.uniform(size=table.shape) < MISSING_SHARE[severity - 1])


def noisy_numbers(
    table: pd.DataFrame, severity: int, generator: np.random.Generator
) -> pd.DataFrame:
    """Adds normal noise to columns of numbers, by how far each spreads."""
    numbers = table.select_dtypes("floating")
    noise = generator.normal(size=numbers.shape) * numbers.std(ddof=0).fillna(0).to_numpy()
    return table.assign(**dict((numbers + NOISE[severity - 1] * noise).items()))


def shuffled_columns(
    table: pd.DataFrame, severity: int, generator: np.random.Generator
) -> pd.DataFrame:
    """Gives the cells of some columns to other rows."""
    order = generator.permutation(table.columns.to_numpy(object))
    count = max(1, round(SHUFFLED_SHARE[severity - 1] * len(order)))
    places = [generator.permutation(len(table)) for _ in order]
    some = zip(order[:count], places, strict=False)
    return table.assign(**{name: table[name].to_numpy()[place] for name, place in some})


def swapped_units(
    table: pd.DataFrame, severity: int, generator: np.random.Generator
) -> pd.DataFrame:
    """Multiplies single numbers by what lies between two units."""
    numbers = table.select_dtypes("floating")
    is_swapped = generator.uniform(size=numbers.shape) < SWAPPED_SHARE[severity - 1]
    factors = np.where(is_swapped, generator.choice(FACTORS, numbers.shape), 1.0)
    return table.assign(**dict((numbers * factors).items()))


class TableCorruptions(Corruptions):
    """Corrupts columns as they were parsed, before preprocessing; the target is none of them."""

    functions = by_name(missing_cells, noisy_numbers, shuffled_columns, swapped_units)
    of_numbers = (noisy_numbers.__name__, swapped_units.__name__)

    @classmethod
    def names(cls, spec: DataSpec) -> list[str]:
        return [n for n in cls.functions if spec.num_features or n not in cls.of_numbers]

    def changed(self, change: Change, raw: pd.DataFrame, rows: Rows) -> Rows:
        parsed = parse_columns(raw, self.kind.preprocessor.kinds)
        return self.kind.encode(change(parsed))
