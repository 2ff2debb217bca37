import math

import pytest
from torch.optim.lr_scheduler import CosineAnnealingLR


def test_without_warm_up_the_rates_are_those_of_torchs_cosine(sgd, scheduler_of, rates):
    mine = scheduler_of("warmup_cosine", sgd(), total_steps=30, warmup=0, final=0.0)
    assert rates(mine, 31) == pytest.approx(rates(CosineAnnealingLR(sgd(), 30), 31), abs=1e-12)


@pytest.mark.parametrize("warmup", [10, 0.25])
def test_the_rates_rise_linearly_then_follow_half_a_cosine(warmup, sgd, scheduler_of, rates):
    mine = scheduler_of("warmup_cosine", sgd(), total_steps=40, warmup=warmup, final=0.0)
    rise = [0.5 * step / 10 for step in range(10)]
    fall = [0.25 * (1 + math.cos(math.pi * step / 30)) for step in range(31)]
    assert rates(mine, 41) == pytest.approx(rise + fall)
