"""Notes on how many files each class has."""

import numpy as np
import pandas as pd
import pytest

from lepton.dataset.clean.target import encode_target
from lepton.dataset.describe.class_notes import balance_notes


def target_of(values, task=None, columns="y"):
    frame = pd.DataFrame(values if isinstance(values, dict) else {"y": values})
    return encode_target(frame, columns, task, None, max_numeric_classes=20)


@pytest.mark.parametrize(
    ("target", "note"),
    [
        (target_of(["a", "b", "a"]), "images: 2 of 'a', 1 of 'b'"),
        (
            target_of([*range(8), *range(8), 3, 5, 5], "multiclass"),
            "images: 8 classes, from 2 of '0' to 4 of '5'",
        ),
        (target_of([*range(8)] * 2, "multiclass"), "images: 8 classes of 2 each"),
        (
            target_of({"old": [1, 0, 1], "dark": [0, 0, 1]}, "multilabel", ["old", "dark"]),
            "images: 2 of 'old', 1 of 'dark'",
        ),
    ],
)
def test_the_rows_of_each_class_are_told(target, note):
    (told,) = balance_notes(target, "image", "column image")
    assert (told.what, told.count) == (note, len(target.values))


def test_numbers_have_no_balance():
    target = target_of(np.linspace(0, 1, 40), "regression")
    assert balance_notes(target, "image", "column image") == []
