"""Every scheduler of conf/scheduler, as a run uses it."""

import inspect
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lepton.config.compose import compose

FILES = sorted((Path(__file__).parents[2] / "conf" / "scheduler").glob("*.yaml"))
BY_STEP = ["cosine", "inverse_sqrt", "one_cycle", "warmup_cosine", "warmup_linear"]


def test_there_are_nine_schedulers():
    assert len(FILES) >= 9


def test_none_is_empty():
    path = next(p for p in FILES if p.stem == "none")
    assert OmegaConf.load(path) == {}


@pytest.mark.parametrize("name", BY_STEP)
def test_those_that_know_the_total_go_through_all_its_steps(name, sgd, scheduler_of, rates):
    learning_rates = rates(scheduler_of(name, sgd(), total_steps=50), 50)
    assert max(learning_rates) == pytest.approx(0.5, rel=1e-3)
    assert learning_rates[-1] < 0.26
    assert all(rate >= 0 for rate in learning_rates)


@pytest.mark.parametrize("name", ["exponential", "step"])
def test_those_that_count_epochs_do_not_ask_for_the_total(name, sgd, scheduler_of, rates):
    scheduler = scheduler_of(name, sgd())
    assert "total_steps" not in inspect.signature(type(scheduler)).parameters
    expected = {
        "exponential": [0.5 * 0.95**epoch for epoch in range(25)],
        "step": [0.5 * 0.1 ** (epoch // 10) for epoch in range(25)],
    }
    assert rates(scheduler, 25) == pytest.approx(expected[name])


def test_plateau_falls_when_the_score_has_not_risen_for_its_patience(sgd, scheduler_of):
    optimizer = sgd()
    scheduler = scheduler_of("plateau", optimizer, patience=2)
    learning_rates = []
    for score in (-1.0, -0.5, -0.6, -0.5, -0.5, -0.4):
        scheduler.step(score)
        learning_rates.append(optimizer.param_groups[0]["lr"])
    assert learning_rates == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.05, 0.05])


@pytest.mark.parametrize("name", BY_STEP)
def test_a_restored_scheduler_goes_on_where_it_stopped(name, sgd, scheduler_of, rates):
    uninterrupted = rates(scheduler_of(name, sgd(), total_steps=20), 20)
    first = scheduler_of(name, sgd(), total_steps=20)
    rates(first, 8)
    resumed = scheduler_of(name, sgd(), total_steps=20)
    resumed.optimizer.load_state_dict(first.optimizer.state_dict())
    resumed.load_state_dict(first.state_dict())
    assert rates(resumed, 12) == pytest.approx(uninterrupted[8:])


@pytest.mark.slow
def test_a_schedule_that_falls_over_the_whole_training_is_not_cut_off():
    lengths = {
        name: (trainer["max_epochs"], trainer["patience"])
        for name in (file.stem for file in FILES)
        for trainer in [compose(f"scheduler={name}").trainer]
    }
    whole = {"cosine", "coslog", "one_cycle", "warmup_cosine", "warmup_linear"}
    assert {name for name, length in lengths.items() if length == (50, None)} == whole
    assert {length for name, length in lengths.items() if name not in whole} == {(200, 16)}
