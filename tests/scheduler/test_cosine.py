import pytest
from torch.optim.lr_scheduler import CosineAnnealingLR

from lepton.scheduler.cosine import factor


@pytest.mark.parametrize("final", [0.0, 0.1])
def test_the_rates_are_those_of_torchs_own(final, sgd, scheduler_of, rates):
    mine = scheduler_of("cosine", sgd(), total_steps=30, final=final)
    torchs = CosineAnnealingLR(sgd(), T_max=30, eta_min=0.5 * final)
    assert rates(mine, 31) == pytest.approx(rates(torchs, 31), abs=1e-12)


def test_steps_beyond_the_end_keep_the_final_share():
    assert factor(50, 30, 0.1) == pytest.approx(0.1)
