"""Bad inputs of every kind: one line, exit code 2, nothing written."""

import pytest

from scripts.campaign_bad_inputs import campaign
from tests.quick import more_and_more


@pytest.mark.parametrize("count", more_and_more(40, 300))
def test_bad_inputs_are_answered_by_a_line_and_leave_nothing(count, here, capsys):
    findings = campaign(count, seed=count)
    assert findings == 0, capsys.readouterr().out
