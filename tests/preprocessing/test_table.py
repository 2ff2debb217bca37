import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import QuantileTransformer, RobustScaler, StandardScaler

from lepton.dataset.describe.preparation_notes import preprocessing_notes
from lepton.errors import DataError, LeptonError
from lepton.preprocessing.none import NoScaling
from lepton.preprocessing.quantile import Quantile
from lepton.preprocessing.robust import Robust
from lepton.preprocessing.standard import Standard
from lepton.preprocessing.state_file import save_state
from lepton.preprocessing.table import TablePreprocessing

SHARED = {"impute": "median", "indicator": True, "rare": 1, "seed": 0}
QUANTILE = {"n_quantiles": 1000, "min_quantiles": 10, "rows_per_quantile": 30, "noise": 1e-5}
MAKE = {
    "standard": lambda: Standard(**SHARED),
    "robust": lambda: Robust(lower=25.0, upper=75.0, **SHARED),
    "none": lambda: NoScaling(**SHARED),
    "quantile": lambda: Quantile(**QUANTILE, **SHARED),
}
KINDS = {"age": "numeric", "city": "categorical", "debt": "numeric", "owner": "boolean"}


def people(rows, seed=0):
    rng = np.random.default_rng(seed)
    debt = rng.lognormal(size=rows)
    debt[rng.random(rows) < 0.2] = np.nan
    city = rng.choice(np.array(["Bonn", "Köln", "Ulm"], dtype=object), rows)
    city[rng.random(rows) < 0.1] = np.nan
    owner = rng.choice(np.array(["true", "false"], dtype=object), rows)
    return pd.DataFrame(
        {"age": rng.normal(40, 9, rows), "city": city, "debt": debt, "owner": owner}
    )


@pytest.mark.parametrize(
    ("name", "scaler"), [("standard", StandardScaler()), ("robust", RobustScaler()), ("none", None)]
)
def test_numbers_are_what_scikit_learn_gives_by_hand(name, scaler):
    train, test = people(300), people(90, seed=1)
    num, _ = MAKE[name]().fit(train, KINDS).transform(test)
    imputer = SimpleImputer(strategy="median").fit(train[["age", "debt"]])
    expected = imputer.transform(test[["age", "debt"]])
    if scaler is not None:
        scaler.fit(imputer.transform(train[["age", "debt"]]))
        expected = scaler.transform(expected)
    np.testing.assert_allclose(num[:, :2], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(num[:, 2], test["debt"].isna())


@pytest.mark.parametrize(
    ("name", "scaler"), [("standard", StandardScaler()), ("robust", RobustScaler())]
)
def test_a_scaler_fitted_a_column_at_a_time_is_that_of_all_to_the_bit(name, scaler, monkeypatch):
    monkeypatch.setattr(f"lepton.preprocessing.{name}.CHUNK_ROWS", 400, raising=False)
    rng = np.random.default_rng(0)
    for dtype in (np.float64, np.float32):
        numbers = np.asfortranarray(rng.lognormal(3, 2, (1001, 5)).astype(dtype))
        numbers[:, 2] = 7.0
        chunks = np.split(numbers, [400, 800]) if name == "standard" else [numbers]
        for chunk in chunks:
            getattr(scaler, "partial_fit" if name == "standard" else "fit")(chunk)
        by_column = MAKE[name]().fit_scaler(numbers)
        assert list(vars(by_column)) == list(vars(scaler))
        for key, value in vars(scaler).items():
            np.testing.assert_array_equal(getattr(by_column, key), value, strict=True)
        scaler = clone(scaler)


def test_quantile_agrees_with_scikit_learn_up_to_the_noise():
    train, test = people(3000), people(200, seed=1)
    num, _ = MAKE["quantile"]().fit(train, KINDS).transform(test)
    by_hand = QuantileTransformer(n_quantiles=100, output_distribution="normal", subsample=None)
    expected = by_hand.fit(train[["age"]]).transform(test[["age"]])
    inside = np.abs(expected[:, 0]) < 3
    np.testing.assert_allclose(num[inside, 0], expected[inside, 0], atol=1e-2)


@pytest.mark.parametrize(("rows", "landmarks"), [(4, 4), (60, 10), (900, 30), (60_000, 1000)])
def test_quantile_landmarks_follow_the_rows(rows, landmarks):
    numbers = np.random.default_rng(0).normal(size=(rows, 1))
    assert MAKE["quantile"]().fit_scaler(numbers).n_quantiles_ == landmarks


def test_noise_keeps_a_frequent_value_off_the_ends_of_the_normal_range():
    frame = pd.DataFrame({"flag": np.r_[np.zeros(700), np.ones(300)]})
    num, _ = MAKE["quantile"]().fit(frame, {"flag": "numeric"}).transform(frame)
    assert num.abs().max() < 2  # without noise they land at -5.2 and 5.2


def test_codes_are_0_missing_1_unseen_2_and_up_categories():
    train = pd.DataFrame({"city": np.array(["Ulm", "Bonn", "Ulm", np.nan], dtype=object)})
    fitted = MAKE["none"]().fit(train, {"city": "categorical"})
    cities = pd.DataFrame({"city": np.array([np.nan, "Rom", "Bonn", "Ulm", None], dtype=object)})
    assert fitted.transform(cities)[1].flatten().tolist() == [0, 1, 2, 3, 0]
    assert fitted.cat_cardinalities == (4,)


def test_a_category_missing_only_at_prediction_is_missing_not_unseen():
    fitted = MAKE["none"]().fit(pd.DataFrame({"c": ["a", "b"]}, dtype=object), {"c": "categorical"})
    assert fitted.transform(pd.DataFrame({"c": [np.nan]}, dtype=object))[1].item() == 0


def test_rare_categories_share_one_code():
    values = ["a"] * 5 + ["b"] * 4 + ["c"] * 2 + ["d"]
    frame = pd.DataFrame({"c": values}, dtype=object)
    fitted = NoScaling(**(SHARED | {"rare": 3})).fit(frame, {"c": "categorical"})
    codes = fitted.transform(frame)[1].flatten().tolist()
    assert codes == [2] * 5 + [3] * 4 + [4] * 3
    assert fitted.cat_cardinalities == (5,)


def test_dates_become_parts_and_a_count_of_days():
    dates = pd.to_datetime(["2024-02-29", "1969-12-31", None]).as_unit("ns")
    frame = pd.DataFrame({"day": dates})
    fitted = MAKE["none"]().fit(frame, {"day": "date"})
    assert fitted.num_features == (
        "day year", "day month", "day day", "day weekday", "day days since 1970", "day is missing",
    )  # fmt: skip
    num, _ = fitted.transform(frame)
    assert num[0].tolist() == [2024, 2, 29, 3, 19782, 0]
    assert num[1].tolist() == [1969, 12, 31, 2, -1, 0]
    assert num[2, -1] == 1
    assert num.isfinite().all()


def test_the_hour_is_a_feature_where_training_dates_have_times():
    frame = pd.DataFrame({"at": pd.to_datetime(["2024-01-01 18:30", "2024-01-02 00:00"])})
    fitted = MAKE["none"]().fit(frame, {"at": "date"})
    assert fitted.transform(frame)[0][0, fitted.num_features.index("at hour")] == 18


@pytest.mark.parametrize("name", MAKE)
def test_constant_and_empty_columns_stay_finite(name):
    frame = pd.DataFrame({"one": np.ones(50), "void": np.full(50, np.nan)})
    frame["none"] = np.full(50, np.nan, dtype=object)
    kinds = {"one": "numeric", "void": "numeric", "none": "categorical"}
    fitted = MAKE[name]().fit(frame, kinds)
    num, cat = fitted.transform(frame)
    assert num.isfinite().all()
    assert cat.eq(0).all()
    assert fitted.cat_cardinalities == (2,)


@pytest.mark.parametrize("name", MAKE)
def test_saved_and_loaded_gives_the_same_tensors(name, tmp_path):
    train, test = people(200), people(50, seed=1)
    train["since"] = test["since"] = pd.Series(pd.date_range("2020-01-01", periods=200, freq="13h"))
    fitted = MAKE[name]().fit(train, KINDS | {"since": "date"})
    fitted.save(tmp_path / "preprocessing.skops")
    loaded = TablePreprocessing.load(tmp_path / "preprocessing.skops")
    for before, after in zip(fitted.transform(test), loaded.transform(test), strict=True):
        assert torch.equal(before, after)
    assert loaded.num_features == fitted.num_features
    assert loaded.cat_cardinalities == fitted.cat_cardinalities


def test_a_file_with_a_foreign_type_is_refused_by_name(tmp_path):
    save_state({"plain": {}, "scaler": Standard(**SHARED)}, tmp_path / "p.skops")
    with pytest.raises(LeptonError, match=r"holds lepton\.preprocessing\.standard\.Standard"):
        TablePreprocessing.load(tmp_path / "p.skops")


def test_a_damaged_or_absent_file_is_told_in_a_line(tmp_path):
    with pytest.raises(LeptonError, match="no such file"):
        TablePreprocessing.load(tmp_path / "gone.skops")
    (tmp_path / "bad.skops").write_text("no zip")
    with pytest.raises(LeptonError, match="cannot be read"):
        TablePreprocessing.load(tmp_path / "bad.skops")
    save_state({"plain": {"settings": {}}, "fill": np.zeros(1)}, tmp_path / "part.skops")
    with pytest.raises(LeptonError, match=r"part\.skops: cannot be read"):
        TablePreprocessing.load(tmp_path / "part.skops")


def test_only_the_given_rows_are_learned_from():
    frame = people(100)
    rows = np.arange(60)
    alone = MAKE["quantile"]().fit(frame.iloc[rows].reset_index(drop=True), KINDS)
    among = MAKE["quantile"]().fit(frame, KINDS, rows)
    for a, b in zip(alone.transform(frame), among.transform(frame), strict=True):
        assert torch.equal(a, b)


def test_chunks_make_no_difference(monkeypatch):
    frame = people(100)
    fitted = MAKE["standard"]().fit(frame, KINDS)
    at_once = fitted.transform(frame)[0]
    monkeypatch.setattr("lepton.preprocessing.table.CHUNK_ROWS", 7)
    torch.testing.assert_close(fitted.transform(frame)[0], at_once, rtol=0, atol=0)


def test_a_missing_column_is_named():
    fitted = MAKE["none"]().fit(people(20), KINDS)
    with pytest.raises(DataError, match="column 'debt' not in the table"):
        fitted.transform(people(3).drop(columns="debt"))


def test_a_number_too_large_for_32_bits_is_refused_with_its_column():
    frame = pd.DataFrame({"small": [1.0, 2.0], "large": [1.0, 1e300]})
    kinds = {"small": "numeric", "large": "numeric"}
    with pytest.raises(DataError, match=r"'large': holds 1e\+300"):
        MAKE["none"]().fit(frame, kinds)
    frame["large"] /= 1e200
    fitted = MAKE["none"]().fit(frame, kinds)
    with pytest.raises(DataError, match="'large'"):
        fitted.transform(frame)


def test_a_table_of_categories_alone_has_no_numbers():
    frame = people(30)[["city"]]
    num, cat = MAKE["standard"]().fit(frame, {"city": "categorical"}).transform(frame)
    assert num.shape == (30, 0)
    assert cat.shape == (30, 1)


@pytest.mark.parametrize("name", ["standard", "robust", "quantile"])
def test_an_offset_is_taken_off_before_digits_are_lost(name):
    near = pd.DataFrame({"paid": np.random.default_rng(0).normal(size=200).round(3)})
    far = near + 1_700_000_000
    expected, _ = MAKE[name]().fit(near, {"paid": "numeric"}).transform(near)
    num, _ = MAKE[name]().fit(far, {"paid": "numeric"}).transform(far)
    assert num.numpy() == pytest.approx(expected.numpy(), abs=2e-3)
    assert len(np.unique(num)) == near["paid"].nunique()


def test_a_number_that_nothing_scales_is_named_where_32_bits_blur_it():
    frame = pd.DataFrame({"near": [1.0, 2.0, 4.0], "far": [1.7e9, 1.7e9 + 1, 1.7e9 + 3]})
    fitted = MAKE["none"]().fit(frame, dict.fromkeys(frame, "numeric"))
    (note,) = preprocessing_notes({"near": [], "far": []}, fitted)
    assert str(note).startswith("column far: far from 0 for its spread")
    assert not MAKE["standard"]().fit(frame, dict.fromkeys(frame, "numeric")).blurred
