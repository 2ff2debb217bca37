from itertools import pairwise

import pytest
from pytabkit.models.training.scheduling import CoslogFunc

from lepton.scheduler.coslog import factor


def test_the_rates_are_those_of_the_authors_code(sgd, scheduler_of, rates):
    mine = rates(scheduler_of("coslog", sgd(), total_steps=60), 61)
    assert mine == pytest.approx([0.5 * CoslogFunc(4)(step / 60) for step in range(61)], abs=1e-9)


def test_each_cycle_takes_twice_the_steps_of_the_one_before():
    tops = [
        s
        for s in range(1, 1500)
        if factor(s, 1500, 4) > max(factor(s - 1, 1500, 4), factor(s + 1, 1500, 4))
    ]
    gaps = [later - earlier for earlier, later in pairwise(tops)]
    assert len(tops) == 4
    assert gaps[1] / gaps[0] == pytest.approx(2, abs=0.03)
    assert gaps[2] / gaps[1] == pytest.approx(2, abs=0.03)


def test_steps_beyond_the_end_stay_at_zero():
    assert factor(70, 60, 4) == pytest.approx(0)
