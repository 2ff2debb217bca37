"""A column that alone gives the target on rows that were not trained on is named in a line."""

import numpy as np
import pandas as pd
import pytest

from tests.dataset.quick_data import csv_data


def table(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, rows))
    return pd.DataFrame({"a": a, "b": b, "c": rng.choice(list("uvw"), rows)}), rng


def said(frame, **changes):
    data = csv_data(frames=(frame, None), **changes)
    data.setup()
    return [str(note) for note in data.notes if "alone gives" in note.what]


CAUSES = {
    "a threshold": lambda f, rng: (f.a > 0.3).map({True: "p", False: "q"}),
    "classes along a number": lambda f, rng: pd.cut(f.a, [-9, -1, 0, 1, 9], labels=False).map(str),
    "a number": lambda f, rng: 3 * f.a + 7,
    "a curve": lambda f, rng: np.sin(f.a),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_number_that_gives_the_target_is_named(cause):
    frame, rng = table(600)
    (note,) = said(frame.assign(y=CAUSES[cause](frame, rng)))
    assert note.startswith("column a: alone gives the target of val and test")


@pytest.mark.parametrize("task", ["classes", "number"])
def test_a_category_that_gives_the_target_is_named(task):
    frame, _ = table()
    values = {"u": 0.5, "v": 1.5, "w": 4.25} if task == "number" else {"u": "p", "v": "q", "w": "p"}
    (note,) = said(
        frame.assign(y=frame.c.map(values)),
        task=task.replace("classes", "binary").replace("number", "regression"),
    )
    assert note.startswith("column c: alone gives")


def test_several_are_named_in_one_line():
    frame, _ = table()
    y = (frame.a > 0).map({True: "p", False: "q"})
    (note,) = said(frame.assign(copy=frame.a * 2, y=y))
    assert note.startswith("columns a, copy: each alone gives")


def test_what_is_right_in_most_rows_only_is_not_named():
    frame, rng = table(1000)
    y = np.where(rng.random(1000) < 0.03, frame.a <= 0, frame.a > 0)
    assert not said(frame.assign(y=pd.Series(y).map({True: "p", False: "q"})))
    assert not said(frame.assign(y=frame.a + rng.normal(size=1000) * 0.1))


def test_a_number_that_differs_in_all_rows_and_says_nothing_is_not_named():
    frame, rng = table()
    assert not said(frame.assign(y=rng.choice(["p", "q"], 300), d=rng.permutation(3000)[:300]))


def test_of_many_columns_without_any_meaning_and_few_rows_none_is_named():
    rng = np.random.default_rng(1)
    columns = {f"x{i}": rng.normal(size=30) for i in range(400)}
    assert not said(pd.DataFrame(columns).assign(y=["p", "q"] * 15))
    assert not said(pd.DataFrame(columns).assign(y=rng.normal(size=30)), task="regression")


def test_a_rare_class_is_not_taken_for_a_column_that_is_always_right():
    frame, _rng = table(1000)
    assert not said(frame.assign(y=np.where(np.arange(1000) % 100, "p", "q")))
