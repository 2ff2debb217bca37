"""Categories as codes: 0 missing, 1 unseen in training, 2 and up the categories of training."""

from copy import copy
from functools import cache

import numpy as np
import pandas as pd
from sklearn.preprocessing import OrdinalEncoder

from lepton.spec import FIRST_CATEGORY_CODE, MISSING_CODE, UNSEEN_CODE


def fit_categories(column: pd.Series, rare: int) -> OrdinalEncoder | None:
    """An encoder of a column's categories, those seen fewer than `rare` times merged into one.

    None where every value is missing.
    """
    positions, distinct = _factorize(column)
    counts = np.bincount(positions[positions >= 0], minlength=len(distinct))
    needed = np.minimum(counts, max(rare, 1))  # all that an encoder asks is which are rare
    if not needed.any():
        return None
    if rare > 1:
        return _new_encoder(rare).fit(np.repeat(distinct, needed).reshape(-1, 1))
    encoder = copy(_fitted_encoder())  # fitting one takes longer than reading its column
    encoder.categories_ = [np.array(sorted(distinct[needed > 0]), dtype=object)]
    return encoder


def _new_encoder(rare: int) -> OrdinalEncoder:
    return OrdinalEncoder(
        dtype=np.int64,
        handle_unknown="use_encoded_value",
        unknown_value=UNSEEN_CODE - FIRST_CATEGORY_CODE,
        min_frequency=rare if rare > 1 else None,
    )


@cache
def _fitted_encoder() -> OrdinalEncoder:
    """An encoder of one category, of which those of other categories are made."""
    return _new_encoder(1).fit(np.array([["a"]], dtype=object))


def category_codes(encoder: OrdinalEncoder | None, column: pd.Series) -> np.ndarray:
    """The code of each value; only the distinct values pass through the encoder.

    Shapes: column (N,), strings or missing -> (N,) int64.
    """
    positions, distinct = _factorize(column)  # -1 for missing, so the last code below
    codes = np.full(len(distinct), UNSEEN_CODE)
    if encoder is not None and len(distinct):
        codes = _codes_of_distinct(encoder, distinct) + FIRST_CATEGORY_CODE
    return np.append(codes, MISSING_CODE)[positions]


def _codes_of_distinct(encoder: OrdinalEncoder, distinct: np.ndarray) -> np.ndarray:
    """What the encoder's `transform` gives, which takes longer where no categories are merged."""
    if encoder.min_frequency is not None or encoder.max_categories is not None:
        return encoder.transform(distinct.reshape(-1, 1))[:, 0]
    numbers = {category: number for number, category in enumerate(encoder.categories_[0])}
    unseen = encoder.unknown_value
    return np.array([numbers.get(text, unseen) for text in distinct], dtype=np.int64)


def _factorize(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The number of each value among the distinct ones, -1 for missing, and those as objects."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(), column.cat.categories.to_numpy(dtype=object)
    positions, distinct = pd.factorize(column.to_numpy(dtype=object))
    return positions, np.asarray(distinct, dtype=object)


def rare_categories(encoder: OrdinalEncoder | None) -> set[str]:
    """The categories that share the code for rare ones."""
    infrequent = getattr(encoder, "infrequent_categories_", [None])[0]
    return set() if infrequent is None else set(infrequent)


def cardinality(encoder: OrdinalEncoder | None) -> int:
    """The number of codes, the missing and the unseen included."""
    if encoder is None:
        return FIRST_CATEGORY_CODE
    rare = len(rare_categories(encoder))
    return FIRST_CATEGORY_CODE + len(encoder.categories_[0]) - rare + (rare > 0)


def category_names(encoder: OrdinalEncoder | None) -> tuple[str, ...]:
    """The names of the codes from 2 on; the code of rare categories, the last, has an empty one."""
    if encoder is None:
        return ()
    rare = rare_categories(encoder)
    frequent = [str(name) for name in encoder.categories_[0] if name not in rare]
    return (*frequent, "") if rare else tuple(frequent)
