"""Metrics of many classes: what torchmetrics gives, to the last bit, without its tables."""

import pytest
import torch
from torchmetrics.functional import classification as tm

from lepton.metric import averages
from lepton.metric.class_counts import balanced_accuracy, macro_f1, mcc
from lepton.metric.ranking import auroc, average_precision
from lepton.metric.scoring import METRICS

OF_COLUMN = [(auroc, tm.binary_auroc), (average_precision, tm.binary_average_precision)]


def probabilities(rows, classes, spread, *, ties):
    logits = torch.randn(rows, classes, generator=torch.Generator().manual_seed(rows)) * spread
    return (logits.round() if ties else logits).double().softmax(-1)


def targets(rows, classes):
    return torch.randint(0, classes, (rows,), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("own", "theirs"), OF_COLUMN)
@pytest.mark.parametrize("ties", [True, False])
@pytest.mark.parametrize("rows", [2, 3, 40, 700])
def test_curves_of_a_column_have_the_bits_of_torchmetrics(own, theirs, ties, rows):
    for spread in (0.0, 0.3, 3.0, 1000.0):
        p = probabilities(rows, 3, spread, ties=ties)[:, 0]
        y = targets(rows, 2)
        y[0], y[1] = 0, 1
        assert own(p, y).equal(theirs(p, y)), (spread, rows)


@pytest.mark.parametrize("spread", [0.0, 0.3, 1000.0])
def test_metrics_of_classes_have_the_bits_of_a_table_of_classes_by_classes(spread):
    rows, classes = 300, 40
    p, y = probabilities(rows, classes, spread, ties=True), targets(rows, classes - 3)
    options = {"num_classes": classes, "validate_args": False}
    assert macro_f1(p, y).equal(tm.multiclass_f1_score(p, y, average="macro", **options))
    table = tm.multiclass_confusion_matrix(p, y, **options).double()
    recall = (table.diagonal() / table.sum(1))[table.sum(1) > 0]
    assert balanced_accuracy(p, y).equal(recall.mean())
    expected = tm.multiclass_matthews_corrcoef(p, y, **options)
    torch.testing.assert_close(mcc(p, y).float(), expected.float(), atol=1e-6, rtol=1e-5)


def test_blocks_of_rows_and_columns_change_no_bit(monkeypatch):
    p, y = probabilities(50, 12, 1.0, ties=False), targets(50, 12)
    names = ("auroc", "average_precision", "brier")
    whole = {name: METRICS["multiclass"][name](p, y) for name in names}
    monkeypatch.setattr(averages, "BLOCK_CELLS", 100)
    for name, value in whole.items():
        assert METRICS["multiclass"][name](p, y).equal(value), name
