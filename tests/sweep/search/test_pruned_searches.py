"""Trials that are not worth going on with end early, the same whoever trains them and when."""

import math
import random

import pytest

import lepton.sweep.grid
from lepton import load
from tests.quick import quick
from tests.sweep.conftest import point

PRUNER = "hydra/sweeper/pruner"
SIZE = ("hydra.sweeper.n_trials=12", "hydra.sweeper.batch=4")
FURTHER = {
    "median": ["hydra.sweeper.pruner.n_warmup_steps=2"],
    "successive_halving": ["hydra.sweeper.pruner.reduction_factor=2"],
    "hyperband": ["hydra.sweeper.pruner.max_resource=8"],
}
EPOCHS = 8


def rising(config, epoch):
    """Towards a height that the learning rate decides."""
    return -abs(math.log10(config["optimizer"]["lr"]) + 2) - 1 / (epoch + 1)


@pytest.fixture
def curved(training):
    training.epochs, training.curve = EPOCHS, rising
    return training


def outcomes(name):
    frame = load(name).set_index("run")
    return dict(sorted(frame["status"].items()))


def test_a_clearly_bad_trial_is_pruned_and_the_best_is_not(curved, search, capsys):
    space = ["optimizer.lr=0.01,0.011,0.012,0.009,0.008,1e-8"]
    overrides = ["hydra/sweeper/sampler=grid", f"{PRUNER}=median", "hydra.sweeper.batch=5"]
    points = search(*overrides, "hydra.sweeper.sampler.seed=1", space=space)
    assert points[-1][1] == 1e-8
    frame = load("default").set_index("optimizer.lr")["status"]
    assert frame[1e-8] == "pruned"
    assert set(frame.drop(1e-8)) == {"finished"}
    out = capsys.readouterr().out
    assert "6 trials looked at: 5 finished, 1 pruned" in out
    assert "best: " in out
    assert "optimizer.lr=0.01\n" in out


@pytest.mark.parametrize("name", quick(["successive_halving", "hyperband"]))
def test_the_order_in_which_a_batch_is_trained_changes_nothing(name, curved, search, monkeypatch):
    overrides = [f"{PRUNER}={name}", *SIZE, *FURTHER[name]]
    straight = search(*overrides, "study=straight")
    real, draw = lepton.sweep.grid.launch, random.Random(0)

    def shuffled(launcher, jobs, progress):
        real(launcher, draw.sample(jobs, len(jobs)), progress)

    monkeypatch.setattr(lepton.sweep.grid, "launch", shuffled)
    assert {*search(*overrides, "study=shuffled")} == {*straight}
    assert outcomes("shuffled") == outcomes("straight")
    assert set(outcomes("straight").values()) == {"finished", "pruned"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["median", "hyperband"])
def test_a_pruned_search_killed_anywhere_ends_as_one_that_was_not(name, curved, search):
    overrides = [f"{PRUNER}={name}", *SIZE, *FURTHER[name]]
    uninterrupted = search(*overrides, "study=whole")
    interrupted = []
    for stop in (6, math.inf):
        curved.stop_after = len(uninterrupted) + stop
        try:
            interrupted += search(*overrides, "study=parts")
        except KeyboardInterrupt:
            interrupted = [(*p,) for p in map(point, curved.configs[len(uninterrupted) :])]
    assert interrupted == uninterrupted
    assert outcomes("parts") == outcomes("whole")


@pytest.mark.slow
def test_a_run_that_another_pruner_ended_is_trained_to_its_end(curved, search):
    space = ["optimizer.lr=0.01,0.011,0.012,0.009,0.008,1e-8"]
    overrides = ["hydra/sweeper/sampler=grid", "hydra.sweeper.batch=5"]
    overrides.append("hydra.sweeper.sampler.seed=1")
    search(*overrides, f"{PRUNER}=median", space=space)
    late = [f"{PRUNER}=median", "hydra.sweeper.pruner.n_warmup_steps=99"]
    assert [p[1] for p in search(*overrides, *late, space=space)] == [1e-8]
    assert set(outcomes("default").values()) == {"finished"}
    assert search(*overrides, *late, space=space) == []
    assert search(*overrides, f"{PRUNER}=median", space=space) == []


@pytest.mark.slow
def test_without_a_pruner_pruned_runs_are_trained_to_their_end(curved, search):
    overrides = ["hydra/sweeper/sampler=random", *SIZE]
    search(*overrides, f"{PRUNER}=median", *FURTHER["median"])
    count = sum(status == "pruned" for status in outcomes("default").values())
    assert count
    assert len(search(*overrides)) == count
    assert set(outcomes("default").values()) == {"finished"}
