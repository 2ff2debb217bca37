"""Many columns at once: the bits of scikit-learn on each column alone."""

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import QuantileTransformer, RobustScaler, StandardScaler

from lepton.preprocessing import many_columns
from lepton.preprocessing.many_columns import fill_values, fit_blocks, scale

SCALERS = [(StandardScaler, ("mean_", "var_", "scale_")), (RobustScaler, ("center_", "scale_"))]


def numbers(rows, dtype, columns=7):
    rng = np.random.default_rng(rows)
    values = rng.normal(size=(rows, columns)) * 10.0 ** np.arange(columns) + 3
    values[:, 1], values[:, 2] = 4.0, values[:, 2].round(-1)
    return np.asfortranarray(values.astype(dtype))


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(many_columns, "CELLS_AT_ONCE", 2000)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 9, 130, 999])
@pytest.mark.parametrize("strategy", ["median", "mean", "most_frequent"])
def test_fills_are_those_of_an_imputer_of_each_column(strategy, rows, dtype):
    values = numbers(rows, dtype)
    values[::3, 3] = values[:, 4] = np.nan
    imputer = SimpleImputer(strategy=strategy, keep_empty_features=True)
    expected = [float(imputer.fit(column[:, None]).statistics_[0]) for column in values.T]
    assert fill_values(values, strategy) == expected


@pytest.mark.parametrize(("scaler", "attributes"), SCALERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [2, 130, 999])
def test_scalers_of_blocks_of_columns_are_those_of_each_column(scaler, attributes, rows, dtype):
    values = numbers(rows, dtype)
    fitted = fit_blocks(values, lambda block: scaler().fit(block), attributes)
    scaled = scale(fitted, values.copy())
    for i in range(values.shape[1]):
        alone = scaler().fit(values[:, i : i + 1])
        for name in attributes:
            assert getattr(fitted, name)[i] == getattr(alone, name)[0], (name, i)
        assert np.array_equal(scaled[:, i], alone.transform(values[:, i : i + 1])[:, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_quantiles_become_normal_as_scikit_learn_maps_each_column(order, dtype):
    values = numbers(500, dtype)
    scaler = QuantileTransformer(n_quantiles=20, output_distribution="normal").fit(values)
    further = np.array(np.concatenate([values * 1.5, values, -values]), order=order)
    expected = scaler.transform(further)
    scaled = scale(scaler, further)
    assert scaled.dtype == expected.dtype
    assert np.array_equal(scaled, expected)
