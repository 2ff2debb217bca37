import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from lepton.dataset.clean.column_kinds import infer_kinds
from lepton.dataset.clean.target import encode_target
from lepton.dataset.synthetic import make_table
from lepton.errors import DataError

SIZES = {
    **{"rows": 600, "numbers": 4, "categories": [3, 5], "classes": 2, "labels": 0},
    **{"noise": 0.1, "missing": 0.0, "data_seed": 0},
}


def table(**changes):
    return make_table(**SIZES | changes)


@pytest.mark.parametrize(
    ("changes", "task", "outputs"),
    [
        ({}, "binary", 2),
        ({"classes": 4}, "multiclass", 4),
        ({"classes": 0}, "regression", 0),
        ({"labels": 3}, "multilabel", 3),
    ],
)
def test_the_yaml_gives_the_task_its_sizes_say(changes, task, outputs, open_dataset):
    data = open_dataset("synthetic", **changes)
    frame, _ = data.read()
    target = encode_target(frame, data.target, data.task, data.positive, max_numeric_classes=20)
    assert (target.task, len(target.classes), len(target.values)) == (task, outputs, 1000)


def test_columns_have_the_sizes_asked_for():
    frame = table()
    assert list(
        infer_kinds(frame.drop(columns="target"), {}, min_identifier_values=20)[0].values()
    ) == (["numeric"] * 4 + ["categorical"] * 2)
    assert frame[["cat_0", "cat_1"]].nunique().tolist() == [3, 5]
    assert len(frame) == 600


def test_the_share_of_missing_cells_is_as_asked():
    features = table(missing=0.2, rows=2000).drop(columns="target")
    assert features.isna().mean().between(0.16, 0.24).all()
    assert not table().isna().any().any()


def test_the_same_data_seed_gives_the_same_table():
    pd.testing.assert_frame_equal(table(), table())
    assert not table().equals(table(data_seed=1))


@pytest.mark.slow
def test_the_target_can_be_learned_and_noise_makes_it_harder():
    scores = []
    for noise in (0.0, 5.0):
        frame = pd.get_dummies(table(noise=noise).drop(columns="target"))
        labels = table(noise=noise)["target"]
        forest = RandomForestClassifier(50, random_state=0).fit(frame[:400], labels[:400])
        scores.append(forest.score(frame[400:], labels[400:]))
    assert scores[0] > 0.75
    assert scores[0] > scores[1] + 0.1


@pytest.mark.parametrize(
    "changes", [{"numbers": 0, "categories": []}, {"classes": 1}, {"rows": 1}, {"categories": [1]}]
)
def test_sizes_that_leave_nothing_to_learn_are_refused(changes):
    with pytest.raises(DataError, match="dataset=synthetic"):
        table(**changes)
