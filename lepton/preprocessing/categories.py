"""Categories as codes: 0 missing, 1 unseen in training, 2 and up the categories of training."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lepton.spec import FIRST_CATEGORY_CODE, MISSING_CODE, UNSEEN_CODE


@dataclass(frozen=True)
class Factorized:
    """A column as numbers of its distinct values, some of which may stand in no row.

    Shapes: positions (rows,), -1 for missing; distinct (n,) texts as objects.
    """

    positions: np.ndarray
    distinct: np.ndarray


@dataclass(frozen=True)
class Categories:
    """The categories of a column in training, in order; the rare ones share the code after them."""

    frequent: list[str]
    rare: list[str]

    @property
    def cardinality(self) -> int:
        """The number of codes, the missing and the unseen included."""
        return FIRST_CATEGORY_CODE + len(self.frequent) + bool(self.rare)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the codes from 2 on; the code of rare categories, the last, has an empty
        one."""
        return (*self.frequent, "") if self.rare else tuple(self.frequent)

    def codes(self, column: Factorized) -> np.ndarray:
        """The code of each value. Shapes: -> (rows,) int64."""
        known = dict(zip(self.frequent, range(FIRST_CATEGORY_CODE, self.cardinality), strict=False))
        known |= dict.fromkeys(self.rare, FIRST_CATEGORY_CODE + len(self.frequent))
        codes = [known.get(text, UNSEEN_CODE) for text in column.distinct]
        # the last is at -1, of missing values
        return np.array([*codes, MISSING_CODE], dtype=np.int64)[column.positions]


def fit_categories(column: Factorized, rows: np.ndarray, rare: int) -> Categories:
    """The categories of some rows of a column, rare those seen fewer than `rare` times."""
    positions = column.positions[rows]
    counts = np.bincount(positions[positions >= 0], minlength=len(column.distinct))
    seen = sorted(zip(column.distinct[counts > 0], counts[counts > 0].tolist(), strict=True))
    return Categories(
        [text for text, count in seen if count >= rare],
        [text for text, count in seen if count < rare],
    )


def read_categories(columns: Any, names: Iterable[str]) -> Iterator[Factorized]:
    """Yields categorical columns, many read at once where their class has `categories`."""
    if hasattr(type(columns), "categories"):
        yield from columns.categories(list(names))
        return
    for name in names:
        yield factorized(columns[name])


def factorized(column: pd.Series) -> Factorized:
    """A column of texts, or one of categories as it is."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        distinct = column.cat.categories.to_numpy(dtype=object)
        return Factorized(column.cat.codes.to_numpy(), distinct)
    positions, distinct = pd.factorize(column.to_numpy(dtype=object))
    return Factorized(positions, np.asarray(distinct, dtype=object))


def categories_of_encoder(encoder: Any) -> Categories:
    """Those of scikit-learn's OrdinalEncoder, as earlier versions kept them; None had none."""
    if encoder is None:
        return Categories([], [])
    rare = getattr(encoder, "infrequent_categories_", [None])[0]
    rare = [] if rare is None else rare.tolist()
    seen = encoder.categories_[0].tolist()
    return Categories([text for text in seen if text not in set(rare)], rare)
