import pytest

from lepton.errors import ConfigError
from lepton.scheduler.warmup import warmup_steps


@pytest.mark.parametrize(
    ("warmup", "total", "steps"), [(0, 9, 0), (0.1, 50, 5), (0.1, 2, 0), (1, 9, 1), (7, 9, 7)]
)
def test_below_one_is_a_share_and_from_one_on_a_number_of_steps(warmup, total, steps):
    assert warmup_steps(warmup, total) == steps


@pytest.mark.parametrize("warmup", [-0.1, -3])
def test_a_negative_warm_up_is_told(warmup):
    with pytest.raises(ConfigError, match=rf"scheduler\.warmup: {warmup} is negative"):
        warmup_steps(warmup, 9)
