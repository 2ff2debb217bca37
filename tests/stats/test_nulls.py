"""What is said of simulated results in which nothing differs."""

from functools import partial

import numpy as np
import pytest

from scripts.check_nulls import SIMULATIONS, compared_options, options, simulate
from tests.quick import quick

QUICK = ("options over 5 seeds", "before and after fine-tuning", "options of a search")
DESIGNS = [("seeds", 1, 5), ("folds", 5, 1), ("splits", 4, 3), ("folds", 3, 2)]


@pytest.mark.parametrize("name", quick([*SIMULATIONS], *QUICK))
def test_nothing_is_said_to_differ_more_often_than_its_level_and_intervals_hold_the_truth(name):
    table = simulate(
        name, draws=1000 if "over 12 data sets" in name else 150, seed=0
    )  # few seconds
    assert table["holds"].all(), table[~table["holds"]].to_string()


@pytest.mark.slow
@pytest.mark.parametrize(("splits", "count", "seeds"), DESIGNS)
def test_the_simulated_statements_are_those_of_a_comparison(splits, count, seeds):
    design = {"splits": splits, "count": count, "seeds": seeds}
    for seed in range(3):
        simulated, compared = (
            list(partial(statements, **design)(np.random.default_rng(seed)))
            for statements in (options, compared_options)
        )
        assert simulated == compared
