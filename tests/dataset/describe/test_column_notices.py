import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from lepton.dataset.describe.column_notices import column_notices
from lepton.dataset.read.raw_table import FrameTable

RNG = np.random.default_rng(0)
ROWS = 2000
NUMBERS = RNG.choice(np.arange(10_000, 99_999), ROWS, replace=False)  # with gaps, in no order
INCOME = RNG.lognormal(8, 1, ROWS).round()
AGE = RNG.integers(18, 80, ROWS).astype(float)
SPARSE = np.arange(ROWS) % 50 == 0


def notes(**columns):
    frame = pd.DataFrame(columns)
    return [str(note) for note in column_notices(FrameTable(frame), list(frame.columns))]


@pytest.mark.parametrize(
    ("name", "values", "note"),
    [
        ("customer", NUMBERS, "all differ, as identifiers do; dataset.columns.customer=ignore"),
        ("loan_id", NUMBERS[:60], "all differ, as identifiers do; dataset.columns.loan_id=ignore"),
        (
            "opened",
            np.sort(NUMBERS),
            "all differ, as identifiers do; dataset.columns.opened=ignore",
        ),
        (
            "age",
            np.where(SPARSE, 999, AGE),
            r"999 may stand .* 'dataset.where=age != 999' .*\(40\)",
        ),
        ("age", np.where(SPARSE, -9, AGE), "-9 may stand .* 'dataset.where=age != -9'"),
        ("net pay", np.where(SPARSE, 99999999, AGE), "where=`net pay` != 99999999"),
        ("trades", np.where(SPARSE, RNG.choice([-7, -9], ROWS), AGE), r"not in \[-7, -9\]"),
        ("branchCode", RNG.choice([3, 10, 27], ROWS), "dataset.columns.branchCode=categorical"),
        ("opened", 20240100 + RNG.integers(1, 29, ROWS), "read as days; write them as 2024-01-"),
    ],
)
def test_numbers_that_may_be_something_else_are_told_with_what_to_type(name, values, note):
    (line,) = notes(**{name: values})
    assert line.startswith(f"column {name}: ")
    assert pd.Series([line]).str.contains(note).all()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("income", INCOME),
        ("age", AGE),
        ("JobLevel", RNG.integers(1, 6, ROWS)),
        ("children", RNG.poisson(1, ROWS)),
        ("score", RNG.integers(300, 1001, ROWS)),  # 999 is one among others
        ("late", RNG.integers(-2, 9, ROWS)),
        ("change", RNG.integers(-20, 20, ROWS)),  # -9 is one among others
        ("revenue", RNG.permutation(np.unique(RNG.lognormal(15, 1, ROWS).round()))),
        ("ratio", RNG.random(ROWS)),
    ],
)
def test_nothing_is_told_of_quantities(name, values):
    assert notes(**{name: values}) == []


@pytest.mark.parametrize("load", [datasets.load_breast_cancer, datasets.load_wine])
def test_nothing_is_told_of_measurements(load):
    frame = load(as_frame=True).data
    assert column_notices(FrameTable(frame), list(frame.columns)) == []
