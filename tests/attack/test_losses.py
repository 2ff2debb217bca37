import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lepton.attack.goal import cross_entropies, mistaken
from lepton.attack.losses import margins, merged_logits, row_losses, targeted_margins
from lepton.example import make_spec
from lepton.task import task_for
from tests.attack.linear import task_of

LOGITS = torch.tensor([[2.0, -1.0, 0.5, 0.1], [0.3, 0.2, -2.0, 1.0], [1.0, 1.5, 1.4, -3.0]])
CLASSES = torch.tensor([0, 1, 2])


def task(name, **options):
    return (
        task_of(make_spec(name))
        if not options
        else task_for(make_spec(name), class_weights=None, monitor=None, **options)
    )


def test_losses_of_rows_are_those_of_torch_whatever_weighs_rows_and_classes():
    logits, batch = LOGITS[:, :3], {"target": CLASSES, "weight": torch.tensor([0.0, 1.0, 5.0])}
    weighted = task_for(make_spec("multiclass"), class_weights=[1.0, 4.0, 2.0], monitor=None)
    expected = F.cross_entropy(logits, CLASSES, reduction="none")
    torch.testing.assert_close(row_losses(weighted, logits, batch), expected)
    torch.testing.assert_close(cross_entropies(weighted, logits, batch), expected)


def test_losses_of_soft_targets_and_of_parallel_predictions_are_means_over_them():
    logits = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0))
    soft = torch.tensor([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    expected = [F.cross_entropy(of, s.expand(3, 3)) for of, s in zip(logits, soft, strict=True)]
    losses = row_losses(task("multiclass"), logits, {"target": soft})
    torch.testing.assert_close(losses, torch.stack(expected))


@pytest.mark.parametrize("name", ["binary", "multiclass", "multilabel", "regression"])
def test_merged_logits_predict_what_the_task_predicts_of_parallel_ones(name):
    outputs = make_spec(name).outputs
    logits = 3 * torch.randn(5, 4, outputs, generator=torch.Generator().manual_seed(1))
    of_task = task(name).predict(logits)
    torch.testing.assert_close(task(name).predict(merged_logits(task(name), logits)), of_task)


def test_a_margin_is_that_of_the_best_other_class():
    expected = [0.5 - 2.0, 1.0 - 0.2, 1.5 - 1.4]
    four = type("Four", (), {"name": "multiclass"})()
    torch.testing.assert_close(margins(four, LOGITS, CLASSES), torch.tensor(expected))


def test_a_margin_of_labels_is_that_of_the_label_nearest_to_wrong():
    target = torch.tensor([[1, 0, 1, 1], [0, 0, 0, 1], [1, 1, 1, 1]]).float()
    found = margins(task("multilabel"), LOGITS, target)
    torch.testing.assert_close(found, torch.tensor([-0.1, 0.3, 3.0]))
    batch = {"target": target}
    assert mistaken(task("multilabel"), LOGITS, batch).tolist() == [False, True, True]


def test_mistakes_are_those_that_accuracy_counts():
    rows = torch.tensor([[0.2], [-0.1], [0.0], [0.0]])
    truth = torch.tensor([1, 1, 0, 1])
    one = task("binary")
    right = 1 - mistaken(one, rows, {"target": truth}).double().mean().item()
    assert right == one.score(one.predict(rows), truth, only=["accuracy"])["accuracy"] == 0.5


def test_targeted_margins_are_the_difference_of_logits_ratio():
    towards = torch.tensor([2, 3, 0])
    expected = []
    for row, own, other in zip(LOGITS.numpy(), CLASSES, towards, strict=True):
        first, _, third, fourth = np.sort(row)[::-1]
        expected.append(-(row[own] - row[other]) / (first - (third + fourth) / 2))
    found = targeted_margins(LOGITS, CLASSES, towards)
    torch.testing.assert_close(found, torch.tensor(expected))
    three = targeted_margins(LOGITS[:, :3], CLASSES, torch.tensor([1, 0, 0]))
    torch.testing.assert_close(three, torch.tensor([-3.0, 0.1, -0.4]))
