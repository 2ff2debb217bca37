import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedKFold, train_test_split

from lepton.dataset.split.split_rows import split_rows
from lepton.dataset.split.split_settings import SplitSettings
from lepton.dataset.split.splitters import time_values
from lepton.errors import ConfigError, DataError

ROWS = 240
LABELS = np.random.default_rng(0).choice(3, ROWS, p=[0.6, 0.3, 0.1])
CLASSES = ("a", "b", "c")
SETTINGS = {
    "strategy": "stratified",
    "column": None,
    "val_size": 0.16,
    "test_size": 0.2,
    "seed": 0,
    "folds": None,
    "fold": None,
    "shots": None,
    "fraction": 1.0,
}


def split(labels=LABELS, values=None, file_rows=None, rows=None, **changes):
    settings = SplitSettings(**(SETTINGS | changes))
    if settings.strategy == "time" and values is not None:
        values = time_values(values)
    total_rows = rows or (len(labels) if labels is not None else len(values))
    settings.check(has_test_file=file_rows is not None)
    return split_rows(
        settings,
        file_rows=file_rows or total_rows,
        total_rows=total_rows,
        has_test_file=file_rows is not None,
        labels=labels,
        classes=CLASSES,
        values=values,
    )


def holds_each_row_once(splits, rows):
    return np.array_equal(np.sort(np.concatenate(list(splits.values()))), np.arange(rows))


GROUPS = pd.Series(np.random.default_rng(1).integers(0, 40, ROWS), name="customer")
TIMES = pd.Series(np.random.default_rng(2).permutation(ROWS), name="day")


@pytest.mark.parametrize("labels", [LABELS, None])
@pytest.mark.parametrize(
    ("strategy", "values"),
    [("stratified", None), ("random", None), ("group", GROUPS), ("time", TIMES)],
)
def test_every_row_is_in_exactly_one_split_and_the_seed_alone_decides(strategy, values, labels):
    column = None if values is None else values.name
    results = [
        split(labels, values, rows=ROWS, strategy=strategy, column=column, seed=seed)
        for seed in (0, 0, 1)
    ]
    assert all(holds_each_row_once(splits, ROWS) for splits in results)
    assert all(np.array_equal(results[0][name], results[1][name]) for name in results[0])
    assert np.array_equal(results[0]["test"], results[2]["test"]) == (strategy == "time")


def test_a_stratified_split_is_that_of_scikit_learn_with_the_same_seed():
    remaining, test = train_test_split(
        np.arange(ROWS), test_size=0.2, stratify=LABELS, random_state=5
    )
    train, val = train_test_split(
        remaining, test_size=39, stratify=LABELS[remaining], random_state=5
    )
    splits = split(seed=5)  # 39 = 0.16 * 240 rounded up
    for name, rows in (("train", train), ("val", val), ("test", test)):
        np.testing.assert_array_equal(splits[name], np.sort(rows))


def test_a_stratified_split_keeps_the_shares_of_the_classes():
    shares = np.bincount(LABELS) / ROWS
    for rows in split().values():
        np.testing.assert_allclose(np.bincount(LABELS[rows]) / len(rows), shares, atol=0.02)


def test_as_many_folds_as_groups_leave_each_group_out_once():
    few = GROUPS.map(lambda name: GROUPS.unique().tolist().index(name) % 4)
    options = {"values": few, "strategy": "group", "column": "customer", "folds": 4}
    left_out = [{*few[split(**options, fold=fold)["test"]]} for fold in range(4)]
    assert sorted(map(list, left_out)) == [[0], [1], [2], [3]]


def test_no_group_is_on_two_sides():
    splits = split(values=GROUPS, strategy="group", column="customer")
    groups = [set(GROUPS[rows]) for rows in splits.values()]
    assert sum(map(len, groups)) == GROUPS.nunique()
    assert [len(values) for values in groups] == [25, 7, 8]  # 16 and 20 % of 40 groups, rounded up


def dates(days):
    return pd.Timestamp("2020-01-01") + pd.to_timedelta(days, "D")


@pytest.mark.parametrize(
    "make",
    [lambda t: t, dates, lambda t: dates(t).dt.strftime("%d.%m.%Y")],
    ids=["numbers", "dates", "text"],
)
def test_the_last_in_time_is_test_and_those_before_it_val(make):
    splits = split(values=make(TIMES).rename("day"), strategy="time", column="day")
    train, val, test = (TIMES[rows] for rows in splits.values())
    assert train.max() < val.min()
    assert val.max() < test.min()
    assert (len(train), len(val), len(test)) == (153, 39, 48)


def test_rows_of_one_time_stay_together():
    months = pd.Series(np.repeat(np.arange(12), 20), name="month")
    splits = split(values=months, strategy="time", column="month")
    assert [sorted(set(months[rows])) for rows in splits.values()] == [
        [0, 1, 2, 3, 4, 5, 6], [7, 8], [9, 10, 11],
    ]  # fmt: skip


def test_a_column_names_the_splits():
    names = ["train", "Training", "val", "valid", "validation", "dev", " test ", "TEST"]
    splits = split(None, pd.Series(names, name="fold"), strategy="column", column="fold")
    assert {k: v.tolist() for k, v in splits.items()} == {
        "train": [0, 1], "val": [2, 3, 4, 5], "test": [6, 7],
    }  # fmt: skip


def test_a_test_file_is_the_test_split_and_val_comes_from_the_data_file():
    splits = split(file_rows=200, test_size=0.9)
    np.testing.assert_array_equal(splits["test"], np.arange(200, ROWS))
    assert len(splits["val"]) == 32
    assert holds_each_row_once(splits, ROWS)


@pytest.mark.parametrize(
    ("strategy", "column", "values"),
    [("stratified", None, None), ("random", None, None), ("group", "g", GROUPS)],
)
def test_the_folds_test_every_row_once(strategy, column, values):
    results = [
        split(values=values, strategy=strategy, column=column, folds=5, fold=i) for i in range(5)
    ]
    assert all(holds_each_row_once(splits, ROWS) for splits in results)
    assert holds_each_row_once({i: splits["test"] for i, splits in enumerate(results)}, ROWS)
    if strategy == "group":
        assert all(
            not set(GROUPS[splits["test"]]) & set(GROUPS[splits["train"]]) for splits in results
        )


def test_stratified_folds_are_those_of_scikit_learn():
    folds = StratifiedKFold(5, shuffle=True, random_state=3).split(LABELS, LABELS)
    for i, (_, test) in enumerate(folds):
        np.testing.assert_array_equal(split(seed=3, folds=5, fold=i)["test"], test)


@pytest.mark.parametrize(
    ("strategy", "column", "values"),
    [("stratified", None, None), ("random", None, None), ("group", "g", GROUPS)],
)
def test_the_validation_folds_validate_every_row_but_those_of_the_one_test_split_once(
    strategy, column, values
):
    same = {"values": values, "strategy": strategy, "column": column}
    results = [split(**same, val_folds=4, val_fold=i) for i in range(4)]
    test = split(**same)["test"]
    assert all(holds_each_row_once(splits, ROWS) for splits in results)
    assert all(np.array_equal(splits["test"], test) for splits in results)
    validated = {i: splits["val"] for i, splits in enumerate(results)}
    assert holds_each_row_once({**validated, "test": test}, ROWS)


def test_stratified_validation_folds_are_those_of_scikit_learn_within_a_fold_of_the_test():
    folds = StratifiedKFold(3, shuffle=True, random_state=3).split(LABELS, LABELS)
    _, (remaining, test), _ = folds
    parts = StratifiedKFold(4, shuffle=True, random_state=3).split(remaining, LABELS[remaining])
    for i, (_, val) in enumerate(parts):
        splits = split(seed=3, folds=3, fold=1, val_folds=4, val_fold=i)
        np.testing.assert_array_equal(splits["val"], remaining[val])
        np.testing.assert_array_equal(splits["test"], test)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"val_folds": 5, "val_fold": 5}, r"dataset.val_fold=5: .* 0 to 4"),
        ({"val_fold": 1}, r"dataset.val_fold=1 needs dataset.val_folds"),
        ({"folds": 5, "fold": 5}, r"dataset.fold=5: .* 0 to 4"),
        ({"folds": 5}, r"dataset.fold=None: .* 0 to 4"),
        ({"fold": 1}, r"dataset.fold=1 needs dataset.folds"),
        ({"folds": 1, "fold": 0}, r"dataset.folds=1: at least 2"),
        ({"strategy": "time", "column": "day", "folds": 3, "fold": 0}, "cannot go with .*=time"),
        ({"strategy": "group"}, r"dataset.split=group needs dataset.split_column"),
        ({"column": "day"}, r"dataset.split_column=day is not used by dataset.split=stratified"),
        ({"val_size": 0.0}, r"dataset.val_size=0.0"),
        ({"seed": -1}, r"dataset.split_seed=-1: from 0"),
        ({"val_size": 0.5, "test_size": 0.5}, r"leave no row to train on"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_a_config_error(changes, message):
    with pytest.raises(ConfigError, match=message):
        split(**changes)


def test_all_config_problems_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        split(strategy="group", val_size=2.0, folds=3, fold=9)
    assert len(caught.value.problems) == 3


def test_a_class_with_too_few_rows_is_named_with_its_count_and_a_way_out():
    labels = np.r_[np.zeros(50, int), np.ones(49, int), [2]]
    with pytest.raises(DataError, match=r"class 'c': 1 row .* dataset.split=random"):
        split(labels)
    one_of_each = np.r_[np.zeros(98, int), [1, 2]]  # as of a target of dates or names
    line = (
        r"class 'b': 1 row to divide, 1 more of 3 classes have too few, .* another dataset.target$"
    )
    with pytest.raises(DataError, match=line):
        split(one_of_each)


@pytest.mark.parametrize(
    ("labels", "values", "changes", "message"),
    [
        (np.array([0, 0, 1, 2]), ["train", "train", "val", "test"], {"strategy": "column"},
         "class 'b': none of its 1 rows .*train 2"),
        (None, ["train", "train", "test"], {"strategy": "column"},
         r"val split is empty \(rows: train 2, val 0, test 1\)"),
        (None, ["train", "holdout", "test"], {"strategy": "column"}, "'holdout' names no split"),
        (None, ["train", None, "test"], {"strategy": "column"}, "empty in 1 rows"),
        (None, [1, 1, 1], {"strategy": "time"}, "share one time"),
        (None, [1, 1, 1], {"strategy": "group"}, "1 of 1 groups"),
        (None, [1, 1, 2], {"strategy": "group", "folds": 3, "fold": 0},
         "dataset.folds=3: only 2 groups"),
        (None, [1, 2, 3], {"strategy": "group", "test_size": 0.3, "val_folds": 3, "val_fold": 0},
         "dataset.val_folds=3: only 2 groups"),
        (None, ["2020-01-01", "then"], {"strategy": "time"}, "row 2: 'then' is not a date"),
        (None, [1, 2], {"strategy": "time", "val_size": 0.7}, "the last 1 of 1 rows"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_divided_are_told_with_counts(labels, values, changes, message):
    with pytest.raises(DataError, match=message):
        split(labels, pd.Series(values, name="s"), column="s", **changes)
