"""Damaged and hostile files of a study: each is named or harmless, and runs no code."""

import subprocess
import sys

import pytest

from scripts import campaign_hostile, campaign_mutations, campaign_unfinished
from tests.quick import more_and_more


@pytest.mark.parametrize("count", more_and_more(12, 300))
def test_damages_of_every_kind_of_file_are_named_or_change_nothing(count):
    assert campaign_mutations.campaign(count, seed=1) == 0


@pytest.mark.parametrize("count", more_and_more(12, 200))
def test_hostile_files_run_no_code_and_cost_little(count):
    assert campaign_hostile.campaign(count, seed=1) == 0


@pytest.mark.parametrize("count", more_and_more(8, 100))
def test_damages_of_unfinished_work_are_named_or_change_no_run(count):
    # in a process that has not trained: those that it forks could not
    command = [sys.executable, campaign_unfinished.__file__, "--count", str(count), "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
