"""Slices of a table by their errors."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lepton.stats.slices import slices


@pytest.fixture
def rows():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"age": generator.uniform(20, 60, 200), "job": generator.choice(list("abc"), 200)}
    )
    return frame, (generator.uniform(size=200) < np.where(frame["job"] == "b", 0.7, 0.1)) * 1.0


def test_the_slice_with_more_errors_comes_first_with_fishers_test_against_the_rest(rows):
    frame, errors = rows
    table = slices(frame, errors)
    first, inside = table.iloc[0], frame["job"] == "b"
    assert (first["slice"], first["n"]) == ("job = b", inside.sum())
    assert first["mean"] == pytest.approx(errors[inside].mean())
    counts = [[(errors[side] == value).sum() for value in (1, 0)] for side in (inside, ~inside)]
    expected = stats.fisher_exact(counts).pvalue
    assert first["p_holm"] == pytest.approx(expected * len(table))
    assert len(table) == 3 + 4


def test_numbers_are_cut_into_quarters_by_their_edges(rows):
    frame, errors = rows
    names = slices(frame, errors)["slice"]
    quarters = sorted(name for name in names if name.startswith("age"))
    assert len(quarters) == 4
    assert f"age = {frame['age'].min():.4g} to" in quarters[0]


def test_numbers_that_stand_as_texts_are_cut_as_numbers_and_codes_are_not(rows):
    frame, errors = rows
    texts = pd.DataFrame({"age": frame["age"].astype(str), "zip": ["007", "010"] * 100})
    names = set(slices(texts, errors)["slice"])
    assert names == {*slices(frame[["age"]], errors)["slice"], "zip = 007", "zip = 010"}


def test_slices_of_a_few_samples_and_missing_values_are_left_out():
    frame = pd.DataFrame({"x": ["a"] * 30 + ["b"] * 3 + [None] * 10 + ["c"] * 20})
    assert set(slices(frame, np.arange(63) % 2 * 1.0)["slice"]) == {"x = a", "x = c"}


def test_errors_without_spread_and_tables_without_slices_are_no_trouble():
    frame = pd.DataFrame({"x": ["a", "b"] * 20})
    assert slices(frame, np.zeros(40))["p_holm"].tolist() == [1, 1]
    assert slices(pd.DataFrame({"x": range(3)}), np.zeros(3)).empty


def test_by_weights_means_are_weighted_and_shares_are_those_of_as_many_samples_as_they_are_worth():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"x": generator.choice([*"abc"], 300)})
    weight = generator.choice([0.5, 1, 3], 300)
    for errors in ((generator.uniform(size=300) < 0.3) * 1.0, generator.exponential(size=300)):
        table = slices(frame, errors, weight).set_index("slice")
        for value in "abc":
            inside = (frame["x"] == value).to_numpy()
            row, w = table.loc[f"x = {value}"], weight[inside]
            assert row["mean"] == pytest.approx(np.average(errors[inside], weights=w))
            assert row["n"] == inside.sum()
            worth = w.sum() ** 2 / (w**2).sum()
            spread = np.sqrt(np.average((errors[inside] - row["mean"]) ** 2, weights=w) / worth)
            assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * spread, rel=0.25)


def test_weights_that_are_all_alike_are_none():
    frame, errors = pd.DataFrame({"x": [*"aabb"] * 20}), np.arange(80) % 3 / 2
    pd.testing.assert_frame_equal(slices(frame, errors, np.full(80, 0.3)), slices(frame, errors))


@pytest.mark.slow
def test_slices_that_err_alike_are_seldom_called_different_where_weights_vary():
    generator, alarms = np.random.default_rng(1), 0
    for _ in range(100):
        frame = pd.DataFrame({"x": generator.choice([*"ab"], 80)})
        errors, weight = (generator.uniform(size=80) < 0.3) * 1.0, generator.exponential(size=80)
        alarms += (slices(frame, errors, weight)["p_holm"] < 0.05).any()
    assert alarms <= 11  # 5 are expected; a standard deviation is 2.2


def test_a_slice_whose_heavy_samples_err_is_called_different():
    heavy = np.tile([1.0, 0.02], 60)
    frame = pd.DataFrame({"x": ["a"] * 60 + ["b"] * 60})
    errors = np.where(frame["x"] == "a", heavy == 1, heavy < 1) * 1.0
    assert slices(frame, errors)["p_holm"].min() > 0.5
    assert slices(frame, errors, heavy)["p_holm"].max() < 0.01
