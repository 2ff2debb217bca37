"""Encoders of categories: those that scikit-learn fits, made without fitting each."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OrdinalEncoder

from lepton.preprocessing.categories import category_codes, fit_categories

WORDS = ["b", "ä", "", "10", "9", "B", "b c"]


@pytest.mark.parametrize("rare", [0, 1, 2])
@pytest.mark.parametrize("compact", [True, False])
def test_an_encoder_is_the_one_that_scikit_learn_fits(rare, compact):
    rng = np.random.default_rng(rare)
    column = pd.Series(rng.choice(np.array([*WORDS, np.nan], dtype=object), 60), dtype=object)
    further = pd.Series(["new", "9", np.nan, "b"], dtype=object)
    encoder = fit_categories(column.astype("category") if compact else column, rare)
    options = {"handle_unknown": "use_encoded_value", "unknown_value": -1, "dtype": np.int64}
    own = OrdinalEncoder(min_frequency=rare if rare > 1 else None, **options)
    own.fit(column.dropna().to_numpy().reshape(-1, 1))
    assert vars(encoder).keys() == vars(own).keys()
    assert encoder.get_params() == own.get_params()
    assert encoder.categories_[0].dtype == own.categories_[0].dtype
    assert encoder.categories_[0].tolist() == own.categories_[0].tolist()
    present = further.dropna().to_numpy().reshape(-1, 1)
    expected = iter(own.transform(present)[:, 0] + 2)
    codes = [0 if missing else next(expected) for missing in further.isna()]
    assert category_codes(encoder, further).tolist() == codes
