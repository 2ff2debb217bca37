"""Task anomaly: what is scored, the limit, its false alarms, and which rows train holds."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, roc_auc_score

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.dataset.clean.target import read_one_class
from lepton.errors import ConfigError, DataError
from lepton.example import make_target_spec
from lepton.task.anomaly import Anomaly, rate_interval
from tests.picture_files import SMALL_BACKBONE, write_parts

GOOD, DEFECT = torch.zeros(200), torch.ones(40)
INSPECTED = ("task=anomaly", "model=patch_memory", *SMALL_BACKBONE)
ON_DIGITS = ("dataset=digits", "task.normal=3", *INSPECTED)


def make_task(rate=0.05, monitor=None):
    spec = make_target_spec("binary")
    return Anomaly(spec, normal="a", false_alarm_rate=rate, monitor=monitor)


class Fixed:
    """A model whose scores are given, in a unit of its own."""

    limit = 1.0

    def predict(self, rows):
        return rows["score"] / self.limit


def test_scores_are_those_of_scikit_learn():
    torch.manual_seed(0)
    truth = torch.cat([GOOD, DEFECT])
    prediction = torch.rand(240) + 0.4 * truth
    scores = make_task().score(prediction, truth)
    assert scores["auroc"] == pytest.approx(roc_auc_score(truth, prediction))
    assert scores["average_precision"] == pytest.approx(average_precision_score(truth, prediction))
    assert scores["false_alarm_rate"] == float((prediction[:200] > 1).double().mean())
    assert scores["detection_rate"] == float((prediction[200:] > 1).double().mean())


def test_what_needs_defects_or_good_parts_is_left_out_without():
    task = make_task()
    assert set(task.score(torch.rand(200), GOOD)) == {
        *("false_alarm_rate", "false_alarm_rate_low", "false_alarm_rate_high")
    }
    assert set(task.score(torch.rand(40), DEFECT)) == {"detection_rate"}


@pytest.mark.parametrize(("count", "total"), [(0, 30), (1, 30), (15, 30), (30, 30)])
def test_the_interval_of_a_rate_is_the_exact_one(count, total):
    exact = binomtest(count, total).proportion_ci(0.95, "exact")
    assert rate_interval(count, total) == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize(("rate", "above"), [(0.05, 10), (0.001, 0), (0.5, 100)])
def test_no_more_good_parts_of_val_than_may_exceed_the_limit(rate, above):
    torch.manual_seed(1)
    val = {"score": 3 + torch.randn(240), "target": torch.cat([GOOD, DEFECT])}
    val["score"][200:] += 100
    model = Fixed()
    make_task(rate).finish(model, val)
    assert int((model.predict(val)[:200] > 1).sum()) == above
    lower = val["score"] / (model.limit - 1e-3)
    assert int((lower[:200] > 1).sum()) > above  # a lower limit would be exceeded by more


def test_equal_scores_share_the_limit_and_raise_no_alarm():
    model = Fixed()
    val = {"score": torch.full((200,), 2.0), "target": GOOD}
    make_task(0.5, "false_alarm_rate").finish(model, val)
    assert not (model.predict(val) > 1).any()


def test_new_good_parts_raise_alarms_as_often_as_was_asked():
    generator, rates = np.random.default_rng(0), []
    for _ in range(200):
        model, scores = Fixed(), torch.from_numpy(generator.gamma(3, size=400))
        make_task(0.1, "false_alarm_rate").finish(model, {"score": scores[:200], "target": GOOD})
        rates.append(float((scores[200:] / model.limit > 1).double().mean()))
    assert np.mean(rates) == pytest.approx(0.1, abs=0.01)


def test_without_defects_in_val_false_alarms_are_the_score_and_a_chosen_monitor_is_refused():
    val = {"score": torch.rand(200), "target": GOOD}
    task = make_task()
    assert task.monitor == "auroc"
    task.finish(Fixed(), val)
    assert task.monitor == "false_alarm_rate"
    assert not task.larger_is_better
    with pytest.raises(ConfigError, match="auroc is undefined on the validation split"):
        make_task(monitor="auroc").finish(Fixed(), val)
    with pytest.raises(DataError, match="val split has no rows of class 'a'"):
        make_task().finish(Fixed(), {"score": torch.rand(40), "target": DEFECT})


def test_the_constant_predictor_never_raises_an_alarm():
    task = make_task()
    scores = task.score(task.constant(240), torch.cat([GOOD, DEFECT]))
    assert scores["auroc"] == 0.5
    assert scores["false_alarm_rate"] == scores["detection_rate"] == 0


def test_a_target_of_several_classes_is_one_class_against_the_others():
    frame = pd.DataFrame({"y": ["good", "scratch", "hole", None, "good"]})
    target = read_one_class(frame, "y", "good")
    assert target.classes == ("good", "not good")
    assert target.values.tolist() == [0, 1, 1, 0]
    assert target.kept_rows.tolist() == [True, True, True, False, True]
    two = pd.DataFrame({"y": ["good", "hole"]})
    assert read_one_class(two, "y", "good").classes == ("good", "hole")
    assert read_one_class(two, "y", "hole").values.tolist() == [1, 0]
    with pytest.raises(DataError, match="did you mean 'good'"):
        read_one_class(frame, "y", "god")
    with pytest.raises(DataError, match="one column"):
        read_one_class(frame.assign(z="a"), ["y", "z"], "good")


@pytest.mark.slow
def test_defects_are_left_out_of_train_alone_and_counted():
    data = build.data(check(compose(*ON_DIGITS)))
    plain = build.data(check(compose(*ON_DIGITS[:1], "model=cnn_small")))
    digit = torch.cat([plain.splits[s]["target"] for s in ("train", "val", "test")])
    ids = torch.cat([plain.splits[s]["id"] for s in ("train", "val", "test")])
    digit_of = dict(zip(ids.tolist(), digit.tolist(), strict=True))
    assert {digit_of[i] for i in data.splits["train"]["id"].tolist()} == {3}
    for split in ("val", "test"):
        rows = data.splits[split]
        expected = [float(digit_of[i] != 3) for i in rows["id"].tolist()]
        assert rows["target"].tolist() == expected
        assert 0 < sum(expected) < len(expected)
    total = sum(len(rows["id"]) for rows in data.splits.values())
    [note] = [note for note in data.notes if "'3', which alone is learned" in note.what]
    assert total + note.count == 1797
    pixels = data.splits["train"]["image"].double() / 255
    assert data.spec.inputs["image"]["mean"][0] == pytest.approx(pixels.mean().item())
    assert data.spec.task == "anomaly"
    assert data.spec.class_counts == (len(data.splits["train"]["id"]), 0)


@pytest.mark.slow
def test_folders_may_hold_good_parts_alone_and_all_defects_in_the_test_folder(here):
    write_parts(here)
    folders = ("dataset=image_folder", "dataset.path=train", "dataset.test_path=test")
    data = build.data(check(compose(*folders, "task.normal=good", *INSPECTED)))
    assert {split: rows["target"].tolist() for split, rows in data.splits.items()} == {
        "train": [0.0] * 10,
        "val": [0.0] * 2,
        "test": [0.0, 0.0, 1.0, 1.0],
    }
    with pytest.raises(DataError, match="two at least; it has one folder, good"):
        build.data(check(compose(*folders, "model=cnn_small")))


@pytest.mark.slow
def test_models_and_tasks_that_are_not_for_each_other_are_refused_before_anything_is_read():
    with pytest.raises(ConfigError, match="model=patch_memory: is for task=anomaly alone"):
        check(compose("dataset=digits", "model=patch_memory"))
    with pytest.raises(ConfigError, match=r"task=anomaly: is for model=.*model=patch_memory"):
        check(compose("dataset=digits", "model=cnn_small", "task=anomaly", "task.normal=3"))
    with pytest.raises(ConfigError, match=r"task\.normal: has no value yet"):
        check(compose("dataset=digits", "model=patch_memory", "task=anomaly"))
    with pytest.raises(ConfigError, match=r"false_alarm_rate: 2 is not float, between 0 and 1"):
        check(compose(*ON_DIGITS, "task.false_alarm_rate=2"))
