"""Corruptions of tables: how many cells they touch, and by how much."""

import numpy as np
import pandas as pd
import pytest

from lepton.dataset.corruptions.table import TableCorruptions

CHANGES = TableCorruptions.functions
NUMBERS = {name: np.random.default_rng(ord(name)).normal(5, 2, 2000) for name in "ab"}
WORDS = np.random.default_rng(9).choice(["x", "y"], 2000).astype(object)
TABLE = pd.DataFrame({**NUMBERS, "c": WORDS, "d": WORDS})


def corrupted(name, severity):
    return CHANGES[name](TABLE, severity, np.random.default_rng(1))


@pytest.mark.parametrize(("severity", "share"), [(1, 0.05), (3, 0.2), (5, 0.5)])
def test_so_many_cells_are_missing_and_the_others_stay(severity, share):
    table = corrupted("missing_cells", severity)
    assert table.isna().to_numpy().mean() == pytest.approx(share, abs=0.02)
    for name in TABLE:
        kept = table[name].notna()
        assert table.loc[kept, name].equals(TABLE.loc[kept, name])


@pytest.mark.parametrize(("severity", "std"), [(1, 0.1), (5, 1.0)])
def test_noise_is_a_share_of_a_columns_spread_and_words_stay(severity, std):
    table = corrupted("noisy_numbers", severity)
    for name in "ab":
        ratio = (table[name] - TABLE[name]).std() / TABLE[name].std()
        assert ratio == pytest.approx(std, rel=0.05)
    assert table[["c", "d"]].equals(TABLE[["c", "d"]])


@pytest.mark.parametrize(("severity", "columns"), [(1, 1), (5, 2)])
def test_a_shuffled_column_holds_the_same_cells_in_other_rows(severity, columns):
    table = corrupted("shuffled_columns", severity)
    moved = [name for name in TABLE if not table[name].equals(TABLE[name])]
    assert len(moved) == columns
    for name in moved:
        assert sorted(table[name]) == sorted(TABLE[name])


@pytest.mark.parametrize(("severity", "share"), [(1, 0.01), (5, 0.3)])
def test_swapped_units_are_powers_of_ten(severity, share):
    table = corrupted("swapped_units", severity)
    factors = (table[["a", "b"]] / TABLE[["a", "b"]]).round(6).to_numpy()
    assert {*np.unique(factors)} == {0.001, 0.1, 1.0, 10.0, 1000.0}
    assert (factors != 1).mean() == pytest.approx(share, rel=0.3)


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_given_stays_and_a_worse_severity_touches_more(name):
    before = TABLE.copy()
    touched = [(corrupted(name, s) != TABLE).to_numpy().mean() for s in (1, 3, 5)]
    assert TABLE.equals(before)
    assert sorted(touched) == touched
    assert touched[0] > 0
