"""Bad inputs of every kind: one line, exit code 2, nothing written."""

import pytest

from scripts.campaign_bad_inputs import campaign


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(40, marks=pytest.mark.slow),
        pytest.param(300, marks=pytest.mark.campaign),
    ],
)
def test_bad_inputs_are_answered_by_a_line_and_leave_nothing(count, here, capsys):
    findings = campaign(count, seed=count)
    assert findings == 0, capsys.readouterr().out
