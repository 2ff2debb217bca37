from math import comb

import numpy as np
import pytest

from lepton.evaluation.attack_outcomes import RIGHT, AttackOutcomes, is_beyond_chance
from lepton.evaluation.broken_attacks import broken_attacks

ROWS = 40


def outcomes(epsilon, broken, *, square=(), misses=None, after=2.0):
    """Of classes: rows that pgd and that square break, of which it misses some of pgd's."""
    broken_by = np.full(ROWS, RIGHT, object)
    broken_by[list(broken)] = "pgd"
    broken_by[list(square)] = "square"
    losses = {"pgd": np.full(ROWS, after), "square": np.full(ROWS, 2.0)}
    return AttackOutcomes(epsilon, False, broken_by, np.ones(ROWS), losses, misses)


def test_attacks_that_raise_losses_and_break_more_with_more_room_are_not_broken():
    assert broken_attacks([outcomes(0.1, range(5)), outcomes(0.2, range(12))], 0.05) == []


def test_a_loss_that_is_not_raised_is_told_but_not_where_nothing_may_change():
    [line] = broken_attacks([outcomes(0.1, range(5), after=1.0)], 0.05)
    assert line == "epsilon 0.1: pgd does not raise the loss (1 before, 1 after)"
    assert broken_attacks([outcomes(0.0, range(5), after=1.0)], 0.05) == []


def test_robust_accuracy_that_rises_beyond_chance_is_told():
    [line] = broken_attacks([outcomes(0.1, range(20)), outcomes(0.2, range(8))], 0.05)
    assert line == "robust accuracy rises from 0.5 at epsilon 0.1 to 0.8 at 0.2"
    assert broken_attacks([outcomes(0.1, range(20)), outcomes(0.2, range(19))], 0.05) == []


def test_square_that_breaks_what_gradients_leave_is_told_beyond_chance():
    [line] = broken_attacks([outcomes(0.1, range(4), square=range(10, 30), misses=3)], 0.05)
    assert line.startswith("epsilon 0.1: square, which needs no gradients, is worse for 20 rows")
    assert broken_attacks([outcomes(0.1, range(4), square=range(10, 13), misses=3)], 0.05) == []


def quantity(epsilon, pgd, square):
    broken_by = np.full(ROWS, RIGHT, object)
    after = {"pgd": np.full(ROWS, pgd), "square": np.full(ROWS, square)}
    return AttackOutcomes(epsilon, True, broken_by, np.ones(ROWS), after)


def test_the_same_is_told_of_quantities():
    assert broken_attacks([quantity(0.1, 2.0, 1.5), quantity(0.2, 3.0, 2.0)], 0.05) == []
    [masked] = broken_attacks([quantity(0.1, 2.0, 2.5)], 0.05)
    assert "square, which needs no gradients, is worse for 40 rows" in masked
    [rise] = broken_attacks([quantity(0.1, 3.0, 2.5), quantity(0.2, 2.0, 1.5)], 0.05)
    assert rise == "the mean loss under attack falls from 3 at epsilon 0.1 to 2 at 0.2"


@pytest.mark.parametrize(("more", "fewer"), [(9, 1), (8, 2), (15, 6), (3, 0), (0, 4)])
def test_chance_is_that_of_mcnemars_exact_test(more, fewer):
    rows = more + fewer
    as_many = sum(comb(rows, k) for k in range(more, rows + 1)) / 2**rows
    assert is_beyond_chance(more, fewer, 0.05) == (as_many < 0.05)
