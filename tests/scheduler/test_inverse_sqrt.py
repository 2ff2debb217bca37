import pytest


def test_the_rates_are_those_of_the_papers_formula(sgd, scheduler_of, rates):
    mine = scheduler_of("inverse_sqrt", sgd(), total_steps=200, warmup=20)
    # d^-0.5 * min(step^-0.5, step * warmup^-1.5), scaled to 0.5 at its top
    paper = [0.5 * 20**0.5 * min(step**-0.5, step * 20**-1.5) for step in range(1, 200)]
    assert rates(mine, 200) == pytest.approx([0.0, *paper])


def test_without_warm_up_the_first_step_has_the_full_rate(sgd, scheduler_of, rates):
    mine = scheduler_of("inverse_sqrt", sgd(), total_steps=200, warmup=0)
    assert rates(mine, 5) == pytest.approx([0.5, 0.5, 0.5 / 2**0.5, 0.5 / 3**0.5, 0.25])
