"""Which way is better of the columns of a study's table."""

import pandas as pd
import pytest

from lepton.metric.direction import larger_is_better


@pytest.mark.parametrize(
    ("column", "is_larger_better"),
    [
        ("test@adversarial/broken", False),
        ("test@adversarial/eps_0.1/accuracy", True),
        ("test@adversarial/eps_0.1/mae", False),
        ("test@calibration/before/ece", False),
        ("test@calibration/before/ece_by_chance", False),
        ("test@conformal/lac/size", False),
        ("test@conformal/residual/width", False),
        ("test@corruption/mce", False),
        ("test@corruption/mean/log_loss", False),
        ("test@corruption/mean/accuracy", True),
        ("test@gaps/accuracy/difference", False),
        ("test@shift/accuracy/difference", False),
        ("test@shift/worst/log_loss", False),
        ("test@shift/trend/accuracy", True),
        ("test@smoothing/abstained", False),
        ("test@smoothing/radius", True),
        ("test@smoothing/radius_0.5/accuracy", True),
        ("test@tta/brier", False),
    ],
)
def test_which_way_is_better_is_known_of_what_evaluators_find(column, is_larger_better):
    assert larger_is_better(column, pd.DataFrame()) is is_larger_better


def test_a_metric_of_ones_own_goes_the_way_that_its_runs_say_whatever_its_name():
    runs = pd.DataFrame({"larger_is_better/size": [None, True]})
    assert larger_is_better("test/size", runs)
