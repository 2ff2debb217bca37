"""Categories and their codes: those of the encoder that scikit-learn fits."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OrdinalEncoder

from lepton.compat import skops
from lepton.preprocessing.categories import categories_of_encoder, factorized, fit_categories
from lepton.preprocessing.none import NoScaling
from lepton.preprocessing.table import TablePreprocessing

WORDS = ["b", "ä", "", "10", "9", "B", "b c"]
SETTINGS = {"impute": "median", "indicator": True, "seed": 0}


def column_of_words(seed):
    rng = np.random.default_rng(seed)
    return pd.Series(rng.choice(np.array([*WORDS, np.nan], dtype=object), 60), dtype=object)


def encoder_of(column, rare):
    options = {"handle_unknown": "use_encoded_value", "unknown_value": -1, "dtype": np.int64}
    encoder = OrdinalEncoder(min_frequency=rare if rare > 1 else None, **options)
    return encoder.fit(column.dropna().to_numpy().reshape(-1, 1))


@pytest.mark.parametrize("rare", [0, 1, 2, 9, 100])
@pytest.mark.parametrize("compact", [True, False])
def test_codes_are_those_of_scikit_learn_after_missing_and_unseen(rare, compact):
    column = column_of_words(rare)
    further = pd.Series(["new", "9", np.nan, "b", *WORDS], dtype=object)
    rows = np.arange(5, 50)
    given = factorized(column.astype("category") if compact else column)
    categories = fit_categories(given, rows, rare)
    encoder = encoder_of(column[rows], rare)
    expected = iter(encoder.transform(further.dropna().to_numpy().reshape(-1, 1))[:, 0] + 2)
    codes = [0 if missing else next(expected) for missing in further.isna()]
    assert categories.codes(factorized(further)).tolist() == codes
    infrequent = encoder.infrequent_categories_[0] if rare > 1 else None
    assert categories.rare == ([] if infrequent is None else infrequent.tolist())
    assert {*categories.frequent, *categories.rare} == {*column[rows].dropna()}
    assert categories_of_encoder(encoder) == categories


@pytest.mark.parametrize("rare", [1, 12])
def test_a_file_of_earlier_versions_with_an_encoder_a_column_transforms_the_same(rare, tmp_path):
    frame = pd.DataFrame({"a": column_of_words(0), "b": column_of_words(1), "c": [np.nan] * 60})
    frame = frame.astype(object)
    fitted = NoScaling(rare=rare, **SETTINGS).fit(frame, dict.fromkeys("abc", "categorical"))
    encoders = {name: encoder_of(frame[name], rare) for name in "ab"} | {"c": None}
    earlier = {
        **{key: getattr(fitted, key) for key in ("settings", "kinds", "hours", "indicated")},
        "encoders": encoders,
        "fill": [],
        "scaler": None,
    }
    skops.dump(earlier, tmp_path / "old.skops")
    loaded = TablePreprocessing.load(tmp_path / "old.skops")
    assert loaded.transform(frame)[1].tolist() == fitted.transform(frame)[1].tolist()
    assert loaded.cat_cardinalities == fitted.cat_cardinalities
    loaded.save(tmp_path / "new.skops")
    again = TablePreprocessing.load(tmp_path / "new.skops")
    assert again.categories == fitted.categories
