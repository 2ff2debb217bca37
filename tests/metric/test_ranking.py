"""AUROC and average precision of many classes are computed together."""

import pytest
import torch

from lepton.metric.ranking import auroc, average_precision, rankings
from lepton.metric.scoring import score


@pytest.mark.parametrize("ties", [False, True])
def test_both_rankings_of_a_column_are_those_computed_alone(ties):
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(300, generator=generator).double()
    p = p.round(decimals=1) if ties else p
    y = (torch.rand(300, generator=generator) < p).long()
    assert rankings(p, y).tolist() == [float(auroc(p, y)), float(average_precision(p, y))]


@pytest.mark.parametrize("classes", [[0, 1, 2, 3], [0, 2]])
def test_a_class_that_no_row_has_is_left_out_of_both(classes):
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(200, 4, generator=generator).softmax(1)
    y = torch.tensor(classes)[torch.randint(len(classes), (200,), generator=generator)]
    together = score(p, y, task="multiclass")
    for name in ("auroc", "average_precision"):
        assert score(p, y, task="multiclass", only=[name])[name] == together[name]


def test_a_constant_column_ranks_by_chance():
    p, y = torch.full((8,), 0.3).double(), torch.tensor([1, 0, 0, 0, 1, 0, 0, 0])
    assert rankings(p, y).tolist() == [0.5, 0.25]
