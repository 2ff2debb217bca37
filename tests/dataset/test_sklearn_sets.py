import numpy as np
import pytest
from sklearn import datasets

from lepton.dataset.clean.column_kinds import infer_kinds, parse_columns
from lepton.dataset.clean.target import encode_target


@pytest.mark.parametrize(
    ("option", "loader", "task", "classes"),
    [
        ("breast_cancer", datasets.load_breast_cancer, "binary", ("benign", "malignant")),
        ("wine", datasets.load_wine, "multiclass", ("class_0", "class_1", "class_2")),
        ("digits_flat", datasets.load_digits, "multiclass", tuple("0123456789")),
        ("diabetes", lambda: datasets.load_diabetes(scaled=False), "regression", ()),
    ],
)
def test_the_table_holds_what_scikit_learn_loads(option, loader, task, classes, open_dataset):
    data, bunch = open_dataset(option), loader()
    frame, _ = data.read()
    target = encode_target(frame, data.target, data.task, data.positive, max_numeric_classes=20)
    assert (target.task, target.classes) == (task, classes)
    expected = bunch.target
    if classes:
        names = [str(n) for n in bunch.target_names]
        expected = [classes.index(names[i]) for i in expected]
    assert target.values.tolist() == list(expected)
    features = frame.drop(columns=data.target)
    kinds = infer_kinds(features, {}, min_identifier_values=20)[0]
    constant = (bunch.data == bunch.data[0]).all(axis=0)
    assert [kind == "ignore" for kind in kinds.values()] == constant.tolist()
    assert np.array_equal(parse_columns(features, kinds).to_numpy(), bunch.data[:, ~constant])
    assert not any(" " in name for name in features)
