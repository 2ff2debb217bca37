"""The first lines of a run's output say what the file holds, counted here by hand."""

import numpy as np
import pandas as pd
import pytest

from lepton import build, compose
from lepton.config.check import check
from lepton.dataset.describe.opening import opening_lines

ROWS = 100


@pytest.fixture
def opening(here):
    def opening(**columns):
        pd.DataFrame({"age": np.linspace(18, 80, ROWS), **columns}).to_csv("rows.csv", index=False)
        words = ("dataset=csv", "dataset.path=rows.csv", "dataset.target=y")
        return [*opening_lines(build.data(check(compose(*words))))]

    return opening


def test_two_classes_are_told_with_their_shares_and_the_positive_one(opening):
    answers = np.where(np.arange(ROWS) % 4 == 0, "yes", "no")
    lines = opening(town=["a", "b", "c", "d"] * 25, note=[f"n{i}" for i in range(ROWS)], y=answers)
    assert lines == [
        "rows: 64 train, 16 val, 20 test",
        "target y: binary, 75 % 'no', 25 % 'yes'",
        "positive class: 'yes'; dataset.positive chooses it",
        "columns: 1 numeric, 1 categorical, 1 ignored (note)",
    ]


def test_of_many_classes_the_most_and_the_least_frequent_are_told(opening):
    lines = opening(y=["c0"] * 40 + [f"c{i}" for i in range(1, 7) for _ in range(10)])
    (line,) = (line for line in lines if line.startswith("target"))
    assert line.startswith("target y: multiclass, 7 classes, from 40.6 % 'c0' to 9.38 % 'c")


@pytest.mark.parametrize(
    ("start", "step", "begin"),
    [(0.0, 1.0, "from 0 to "), (1.7e9, 0.01, "from 1700000000"), (1e-9, 1e-11, "from 1e-09 to ")],
)
def test_a_number_has_digits_enough_to_tell_its_smallest_from_its_largest(
    opening, start, step, begin
):
    values = start + step * np.arange(ROWS)
    line = opening(y=values)[1]
    assert line.startswith(f"target y: a number {begin}")
    low, high = (float(word) for word in line.split("from ")[1].split(",")[0].split(" to "))
    assert high - low == pytest.approx(values[-1] - values[0], rel=0.1)
