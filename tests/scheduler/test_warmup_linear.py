import pytest
from torch.optim.lr_scheduler import LinearLR


@pytest.mark.parametrize("warmup", [10, 0.25])
@pytest.mark.parametrize("final", [0.0, 0.2])
def test_the_rates_rise_and_fall_linearly(warmup, final, sgd, scheduler_of, rates):
    mine = scheduler_of("warmup_linear", sgd(), total_steps=40, warmup=warmup, final=final)
    rise = [0.5 * step / 10 for step in range(10)]
    fall = [0.5 + (0.5 * final - 0.5) * step / 30 for step in range(31)]
    assert rates(mine, 41) == pytest.approx(rise + fall)


def test_without_warm_up_the_rates_are_those_of_torchs_own(sgd, scheduler_of, rates):
    mine = scheduler_of("warmup_linear", sgd(), total_steps=30, warmup=0, final=0.1)
    torchs = LinearLR(sgd(), start_factor=1.0, end_factor=0.1, total_iters=30)
    assert rates(mine, 35) == pytest.approx(rates(torchs, 35))
