"""Kills at random moments cost nothing: what a sweep ends with is what it would have without."""

import pytest

from scripts import campaign_kills, campaign_ranks
from tests.quick import more_and_more


@pytest.mark.parametrize(
    ("kills", "cases"),
    [
        pytest.param(8, ["stacks", "pool"], marks=pytest.mark.slow),
        pytest.param(200, list(campaign_kills.CASES), marks=pytest.mark.campaign),
    ],
)
def test_a_sweep_that_was_killed_ends_as_one_that_was_not(kills, cases, here, capsys):
    findings = campaign_kills.campaign(kills, seed=kills, cases=cases)
    assert findings == 0, capsys.readouterr().out


@pytest.mark.parametrize("kills", more_and_more(2, 50))
def test_the_driver_of_a_sweep_outlives_the_processes_of_its_runs(kills, here, capsys):
    findings = campaign_ranks.campaign(kills, seed=kills)
    assert findings == 0, capsys.readouterr().out
