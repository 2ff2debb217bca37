"""Training rows drawn by chances: how often, the same after a stop, in stacks, and for whom."""

from types import SimpleNamespace

import pytest
import torch
from scipy.stats import chisquare

from lepton import build, compose
from lepton.augmentation.class_balanced_sampling import ClassBalancedSampling
from lepton.config.check import check
from lepton.dataset.load.epoch_sampler import EpochSampler
from lepton.errors import ConfigError
from lepton.method import Method
from lepton.testing import MethodContract
from lepton.training.row_chances import with_row_chances

COUNTS = (90, 9, 3)


class TestClassBalancedSampling(MethodContract):
    overrides = ("batch_size=16",)

    def build(self):
        return ClassBalancedSampling(strength=1.0)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_a_class_is_drawn_by_a_power_of_its_count(strength):
    target = torch.arange(3).repeat_interleave(torch.tensor(COUNTS))
    chances = ClassBalancedSampling(strength=strength).row_chances({"target": target}, None)
    drawn = torch.zeros(3, dtype=torch.long)
    for epoch in range(200):
        sampler = EpochSampler(
            rows=torch.arange(len(target)), seed=1, rank=0, world_size=1, chances=chances
        )
        sampler.set_epoch(epoch)
        order = sampler.draw()
        assert len(order) == len(target)
        drawn += target[order].bincount(minlength=3)
    shares = torch.tensor(COUNTS).double() ** (1 - strength)
    expected = (shares / shares.sum() * drawn.sum()).numpy()
    assert chisquare(drawn.numpy(), expected).pvalue > 1e-4


def test_rows_of_chance_0_never_come_and_the_last_and_first_do():
    chances = torch.tensor([1.0, 0.0, 2.0, 0.0])
    drawn = [
        EpochSampler(rows=torch.arange(4), seed=seed, rank=0, world_size=1, chances=chances).draw()
        for seed in range(100)
    ]
    assert torch.cat(drawn).unique().tolist() == [0, 2]


def test_processes_share_the_rows_of_one_draw():
    chances, rows = torch.rand(10), torch.arange(10) + 5
    chances = torch.cat([torch.zeros(5), chances])
    alone = EpochSampler(rows=rows, seed=3, rank=0, world_size=1, chances=chances).draw()
    of_two = [
        EpochSampler(rows=rows, seed=3, rank=rank, world_size=2, chances=chances).draw()
        for rank in (0, 1)
    ]
    assert torch.equal(torch.stack(of_two, 1).flatten(), alone)


class Fixed(Method):
    def __init__(self, chances):
        self.chances, self.stream_name = chances, "augmentation.fixed"

    def row_chances(self, train, spec):
        return self.chances


def test_chances_are_multiplied_and_odd_ones_are_refused():
    config = check(compose("dataset=synthetic", "dataset.rows=40"))
    data = build.data(config)
    rows = len(data.splits["train"]["id"])
    first, second = torch.rand(rows) + 0.1, torch.rand(rows) + 0.1
    both = with_row_chances(data, [Fixed(first), Fixed(second)]).row_chances
    product = first.double() * second.double()
    torch.testing.assert_close(both / both.sum(), product / product.sum())
    assert with_row_chances(data, [Fixed(None)]) is data
    for odd in (torch.ones(3), -first, torch.zeros(rows), first * torch.nan):
        with pytest.raises(ConfigError, match=r"augmentation\.fixed: row_chances gives"):
            with_row_chances(data, [Fixed(odd)])


def test_it_is_for_targets_of_which_each_row_has_one_class():
    with pytest.raises(ConfigError, match=r"class_balanced_sampling, task: a regression target"):
        ClassBalancedSampling(strength=1.0).prepare(None, SimpleNamespace(task="regression"))
    with pytest.raises(ConfigError, match=r"class_balanced_sampling\.strength: 2 is not in"):
        ClassBalancedSampling(strength=2)
