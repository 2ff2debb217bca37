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
