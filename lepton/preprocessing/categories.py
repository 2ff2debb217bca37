"""Categories as codes: 0 missing, 1 unseen in training, 2 and up the categories of training."""

import numpy as np
import pandas as pd
from sklearn.preprocessing import OrdinalEncoder

MISSING, UNSEEN, FIRST = 0, 1, 2


def fit_categories(values: np.ndarray, rare: int) -> OrdinalEncoder | None:
    """An encoder of the categories in `values`, those seen fewer than `rare` times merged into one.

    None where every value is missing.
    """
    present = values[~pd.isna(values)]
    if not len(present):
        return None
    return OrdinalEncoder(
        dtype=np.int64,
        handle_unknown="use_encoded_value",
        unknown_value=UNSEEN - FIRST,
        min_frequency=rare if rare > 1 else None,
    ).fit(present.reshape(-1, 1))


def category_codes(encoder: OrdinalEncoder | None, values: np.ndarray) -> np.ndarray:
    """The code of each value; only the distinct values pass through the encoder.

    Shapes: values (N,), strings or missing -> (N,) int64.
    """
    position, distinct = pd.factorize(values)  # -1 for missing, so the last code below
    known = np.full(len(distinct), UNSEEN)
    if encoder is not None and len(distinct):
        known = encoder.transform(np.asarray(distinct, dtype=object).reshape(-1, 1))[:, 0] + FIRST
    return np.append(known, MISSING)[position]


def merged(encoder: OrdinalEncoder | None) -> int:
    """How many categories share the code for rare ones."""
    rare = None if encoder is None else getattr(encoder, "infrequent_categories_", [None])[0]
    return 0 if rare is None else len(rare)


def cardinality(encoder: OrdinalEncoder | None) -> int:
    """How many codes there are, the missing and the unseen included."""
    if encoder is None:
        return FIRST
    few = merged(encoder)
    return FIRST + len(encoder.categories_[0]) - few + (few > 0)


def names(encoder: OrdinalEncoder | None) -> tuple[str, ...]:
    """What each code from FIRST on stands for; the code of rare categories, the last, has none."""
    if encoder is None:
        return ()
    rare = getattr(encoder, "infrequent_categories_", [None])[0]
    rare = set() if rare is None else set(rare)
    kept = [str(name) for name in encoder.categories_[0] if name not in rare]
    return (*kept, "") if rare else tuple(kept)
