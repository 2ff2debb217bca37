import numpy as np
import pandas as pd
import pytest

from lepton.dataset.clean.target import encode_target
from lepton.errors import DataError


def encode(values, task=None, positive=None):
    return encode_target(pd.DataFrame({"y": values}), "y", task, positive, max_numeric_classes=20)


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["no", "yes", "no"], "binary", ("no", "yes")),
        ([5, 7, 5], "binary", ("5", "7")),
        ([0.5, 1.5], "binary", ("0.5", "1.5")),
        (["b", "a", "c"], "multiclass", ("a", "b", "c")),
        ([10, 9, 1], "multiclass", ("1", "9", "10")),
        (["01", "02", "11"], "multiclass", ("01", "02", "11")),
        ([1.5, 2.0, 3.0], "regression", ()),
        (list(range(21)), "regression", ()),
        ([str(i) for i in range(21)], "regression", ()),
        ([f"c{i}" for i in range(30)], "multiclass", tuple(sorted(f"c{i}" for i in range(30)))),
    ],
)
def test_the_task_and_the_classes_are_found_from_the_values(values, task, classes):
    target = encode(values)
    assert (target.task, target.classes, target.columns) == (task, classes, ("y",))


@pytest.mark.parametrize(("most", "task"), [(2, "regression"), (3, "multiclass")])
def test_how_many_whole_numbers_are_classes_can_be_turned(most, task):
    frame = pd.DataFrame({"y": [1, 2, 3, 1]})
    assert encode_target(frame, "y", None, None, max_numeric_classes=most).task == task


def test_every_value_is_the_number_of_its_class():
    texts = ["b", "c", None, "a", "b"]
    target = encode(texts)
    assert target.values.dtype == np.int64
    assert [target.classes[i] for i in target.values] == ["b", "c", "a", "b"]
    assert target.kept_rows.tolist() == [True, True, False, True, True]
    assert [str(n) for n in target.notes] == ["target y: missing target, row dropped (1)"]


@pytest.mark.parametrize(("positive", "ones"), [(None, "good"), ("bad", "bad"), ("BAD", "bad")])
def test_the_positive_class_is_one_and_stands_second(positive, ones):
    texts = ["good", "bad", "bad"]
    target = encode(texts, positive=positive)
    assert target.classes[1] == ones
    assert target.values.tolist() == [float(text == ones) for text in texts]
    assert target.values.dtype == np.float32


def test_a_class_that_became_a_float_beside_missing_values_keeps_its_name():
    assert encode([0, 1, np.nan, 1]).classes == encode([0, 1, 1]).classes == ("0", "1")


def test_regression_keeps_every_digit():
    values = np.random.default_rng(0).normal(size=50)
    target = encode(values)
    assert target.values.dtype == np.float64
    assert (target.values == values).all()


def test_several_columns_are_labels():
    frame = pd.DataFrame({"a": [0, 1, 1], "b": ["yes", "no", None], "x": [1, 2, 3]})
    target = encode_target(frame, ["a", "b"], None, None, max_numeric_classes=20)
    assert (target.task, target.classes) == ("multilabel", ("a", "b"))
    assert target.values.tolist() == [[0, 1], [1, 0]]
    assert target.kept_rows.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("values", "task", "positive", "message"),
    [
        (["a", "a"], None, None, "every row is 'a'"),
        ([None, None], None, None, "every value is missing"),
        (["a", "b"], None, "c", "'c' is not a class"),
        (["a", "b", "c"], None, "a", "is for two classes, not for 3 classes"),
        ([1.5, 2, 3], None, "a", "not for task regression"),
        (["1", "x", "3"], "regression", None, "row 2: 'x' is not a number"),
        ([None, 1.5, np.inf, 2], None, None, "row 3: 'inf' is not finite"),
        ([2, 2], "regression", None, "nothing to predict"),
        (["a", "b", "c"], "binary", None, "3 classes"),
        (["a", "b"], "binry", None, "did you mean 'binary'"),
        ([0, 2], "multilabel", None, "row 2: '2' is not 0 or 1"),
    ],
)
def test_a_target_that_cannot_be_learned_is_refused(values, task, positive, message):
    with pytest.raises(DataError) as e:
        encode(values, task, positive)
    assert message in str(e.value)


def test_a_target_that_is_not_there_is_refused_with_those_that_are():
    frame = pd.DataFrame({"risk": [0, 1], "age": [1, 2]})
    with pytest.raises(DataError, match=r"'Risk'; did you mean 'risk'\? \(there are: risk, age\)"):
        encode_target(frame, "Risk", None, None, max_numeric_classes=20)


def test_several_columns_for_one_number_are_refused():
    frame = pd.DataFrame({"a": [1.5, 2], "b": [1, 2]})
    with pytest.raises(DataError, match="only multilabel has several columns"):
        encode_target(frame, ["a", "b"], "regression", None, max_numeric_classes=20)
