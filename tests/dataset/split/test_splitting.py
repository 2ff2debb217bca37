import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedKFold, train_test_split

from lepton.dataset.split.splitters import times
from lepton.dataset.split.splitting import Splitting
from lepton.errors import ConfigError, DataError

ROWS = 240
LABELS = np.random.default_rng(0).choice(3, ROWS, p=[0.6, 0.3, 0.1])
CLASSES = ("a", "b", "c")
PLAIN = {
    "how": "stratified",
    "column": None,
    "val_size": 0.16,
    "test_size": 0.2,
    "seed": 0,
    "folds": None,
    "fold": None,
    "shots": None,
    "fraction": 1.0,
}


def divide(labels=LABELS, values=None, own=None, rows=None, **changes):
    splitting = Splitting(**(PLAIN | changes))
    if splitting.how == "time" and values is not None:
        values = times(values)
    total = rows or (len(labels) if labels is not None else len(values))
    splitting.check(test_file=own is not None)
    return splitting.rows(
        own=own or total, total=total, labels=labels, classes=CLASSES, values=values
    )


def parted(parts, rows):
    return np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(rows))


GROUPS = pd.Series(np.random.default_rng(1).integers(0, 40, ROWS), name="customer")
TIMES = pd.Series(np.random.default_rng(2).permutation(ROWS), name="day")


@pytest.mark.parametrize("labels", [LABELS, None])
@pytest.mark.parametrize(
    ("how", "values"), [("stratified", None), ("random", None), ("group", GROUPS), ("time", TIMES)]
)
def test_every_row_is_in_exactly_one_split_and_the_seed_alone_decides(how, values, labels):
    column = None if values is None else values.name
    ways = [
        divide(labels, values, rows=ROWS, how=how, column=column, seed=seed) for seed in (0, 0, 1)
    ]
    assert all(parted(parts, ROWS) for parts in ways)
    assert all(np.array_equal(ways[0][part], ways[1][part]) for part in ways[0])
    assert np.array_equal(ways[0]["test"], ways[2]["test"]) == (how == "time")


def test_a_stratified_split_is_that_of_scikit_learn_with_the_same_seed():
    rest, test = train_test_split(np.arange(ROWS), test_size=0.2, stratify=LABELS, random_state=5)
    train, val = train_test_split(rest, test_size=39, stratify=LABELS[rest], random_state=5)
    parts = divide(seed=5)  # 39 = 0.16 * 240 rounded up
    for name, rows in (("train", train), ("val", val), ("test", test)):
        np.testing.assert_array_equal(parts[name], np.sort(rows))


def test_a_stratified_split_keeps_the_shares_of_the_classes():
    shares = np.bincount(LABELS) / ROWS
    for rows in divide().values():
        np.testing.assert_allclose(np.bincount(LABELS[rows]) / len(rows), shares, atol=0.02)


def test_no_group_is_on_two_sides():
    parts = divide(values=GROUPS, how="group", column="customer")
    sides = [set(GROUPS[rows]) for rows in parts.values()]
    assert sum(map(len, sides)) == GROUPS.nunique()
    assert [len(side) for side in sides] == [25, 7, 8]  # 16 and 20 % of 40 groups, rounded up


def dates(days):
    return pd.Timestamp("2020-01-01") + pd.to_timedelta(days, "D")


@pytest.mark.parametrize(
    "make",
    [lambda t: t, dates, lambda t: dates(t).dt.strftime("%d.%m.%Y")],
    ids=["numbers", "dates", "text"],
)
def test_the_last_in_time_is_test_and_those_before_it_val(make):
    parts = divide(values=make(TIMES).rename("day"), how="time", column="day")
    train, val, test = (TIMES[rows] for rows in parts.values())
    assert train.max() < val.min()
    assert val.max() < test.min()
    assert (len(train), len(val), len(test)) == (153, 39, 48)


def test_rows_of_one_time_stay_together():
    months = pd.Series(np.repeat(np.arange(12), 20), name="month")
    parts = divide(values=months, how="time", column="month")
    assert [sorted(set(months[rows])) for rows in parts.values()] == [
        [0, 1, 2, 3, 4, 5, 6], [7, 8], [9, 10, 11],
    ]  # fmt: skip


def test_a_column_names_the_splits():
    names = ["train", "Training", "val", "valid", "validation", "dev", " test ", "TEST"]
    parts = divide(None, pd.Series(names, name="fold"), how="column", column="fold")
    assert {k: v.tolist() for k, v in parts.items()} == {
        "train": [0, 1], "val": [2, 3, 4, 5], "test": [6, 7],
    }  # fmt: skip


def test_a_test_file_is_the_test_split_and_val_comes_from_the_data_file():
    parts = divide(own=200, test_size=0.9)
    np.testing.assert_array_equal(parts["test"], np.arange(200, ROWS))
    assert len(parts["val"]) == 32
    assert parted(parts, ROWS)


@pytest.mark.parametrize(
    ("how", "column", "values"),
    [("stratified", None, None), ("random", None, None), ("group", "g", GROUPS)],
)
def test_the_folds_test_every_row_once(how, column, values):
    ways = [divide(values=values, how=how, column=column, folds=5, fold=i) for i in range(5)]
    assert all(parted(parts, ROWS) for parts in ways)
    assert parted({i: parts["test"] for i, parts in enumerate(ways)}, ROWS)
    if how == "group":
        assert all(not set(GROUPS[p["test"]]) & set(GROUPS[p["train"]]) for p in ways)


def test_stratified_folds_are_those_of_scikit_learn():
    folds = StratifiedKFold(5, shuffle=True, random_state=3).split(LABELS, LABELS)
    for i, (_, test) in enumerate(folds):
        np.testing.assert_array_equal(divide(seed=3, folds=5, fold=i)["test"], test)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"folds": 5, "fold": 5}, r"dataset.fold=5: .* 0 to 4"),
        ({"folds": 5}, r"dataset.fold=None: .* 0 to 4"),
        ({"fold": 1}, r"dataset.fold=1 needs dataset.folds"),
        ({"folds": 1, "fold": 0}, r"dataset.folds=1: at least 2"),
        ({"how": "time", "column": "day", "folds": 3, "fold": 0}, "cannot go with .*=time"),
        ({"how": "group"}, r"dataset.split=group needs dataset.split_column"),
        ({"column": "day"}, r"dataset.split_column=day is not used by dataset.split=stratified"),
        ({"val_size": 0.0}, r"dataset.val_size=0.0"),
        ({"seed": -1}, r"dataset.split_seed=-1: from 0"),
        ({"val_size": 0.5, "test_size": 0.5}, r"leave no row to train on"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_a_config_error(changes, said):
    with pytest.raises(ConfigError, match=said):
        divide(**changes)


def test_all_config_problems_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        divide(how="group", val_size=2.0, folds=3, fold=9)
    assert len(caught.value.problems) == 3


def test_a_class_with_too_few_rows_is_named_with_its_count_and_a_way_out():
    labels = np.r_[np.zeros(50, int), np.ones(49, int), [2]]
    with pytest.raises(DataError, match=r"class 'c': 1 rows .* dataset.split=random"):
        divide(labels)


@pytest.mark.parametrize(
    ("labels", "values", "changes", "said"),
    [
        (np.array([0, 0, 1, 2]), ["train", "train", "val", "test"], {"how": "column"},
         "class 'b': none of its 1 rows .*train 2"),
        (None, ["train", "train", "test"], {"how": "column"},
         r"val split is empty \(rows: train 2, val 0, test 1\)"),
        (None, ["train", "holdout", "test"], {"how": "column"}, "'holdout' names no split"),
        (None, ["train", None, "test"], {"how": "column"}, "empty in 1 rows"),
        (None, [1, 1, 1], {"how": "time"}, "share one time"),
        (None, [1, 1, 1], {"how": "group"}, "1 of 1 groups"),
        (None, ["2020-01-01", "then"], {"how": "time"}, "row 2: 'then' is not a date"),
        (None, [1, 2], {"how": "time", "val_size": 0.7}, "the last 1 of 1 rows"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_divided_are_told_with_counts(labels, values, changes, said):
    with pytest.raises(DataError, match=said):
        divide(labels, pd.Series(values, name="s"), column="s", **changes)
