from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from lepton.errors import ConfigError
from lepton.regularization.label_smoothing import LabelSmoothing


@pytest.fixture(autouse=True)
def _in_64_bits():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def smoothed(target, task, outputs, amount=0.2, names=("target",)):
    method = LabelSmoothing(amount=amount)
    method.prepare(None, SimpleNamespace(task=task, outputs=outputs, target_names=names))
    return method.on_batch({"target": target, "id": torch.arange(len(target))})["target"]


def test_multiclass_is_torchs_own():
    logits, target = torch.randn(50, 4), torch.randint(4, (50,))
    expected = F.cross_entropy(logits, target, label_smoothing=0.2)
    torch.testing.assert_close(F.cross_entropy(logits, smoothed(target, "multiclass", 4)), expected)


def test_binary_is_two_classes():
    logits, target = torch.randn(50), torch.randint(2, (50,))
    two_logits = torch.stack([torch.zeros(50), logits], 1)
    expected = F.cross_entropy(two_logits, target, label_smoothing=0.2)
    soft = smoothed(target.double(), "binary", 1)
    torch.testing.assert_close(F.binary_cross_entropy_with_logits(logits, soft), expected)


def test_labels_are_smoothed_one_by_one():
    target = torch.tensor([[1.0, 0.0, 1.0]])
    expected = torch.tensor([[0.9, 0.1, 0.9]])
    torch.testing.assert_close(smoothed(target, "multilabel", 3), expected)


def test_soft_targets_stay_distributions():
    soft = torch.tensor([[0.7, 0.3, 0.0]])
    expected = torch.tensor([[0.7, 0.3, 0.0]]) * 0.7 + 0.1
    torch.testing.assert_close(smoothed(soft, "multiclass", 3, amount=0.3), expected)


def test_the_batch_itself_is_not_changed():
    target = torch.tensor([1.0, 0.0])
    smoothed(target, "binary", 1)
    assert target.tolist() == [1.0, 0.0]


def test_regression_rows_without_a_target_and_other_amounts_are_refused():
    with pytest.raises(ConfigError, match=r"label_smoothing: dataset\.target=null has no labels"):
        smoothed(torch.zeros(3, 0), "none", 1, names=())
    with pytest.raises(ConfigError, match=r"regularization\.label_smoothing: regression"):
        smoothed(torch.zeros(3), "regression", 1)
    with pytest.raises(ConfigError, match=r"regularization\.label_smoothing\.amount: 1\.0"):
        LabelSmoothing(amount=1.0)
