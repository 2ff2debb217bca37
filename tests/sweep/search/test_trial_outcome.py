"""What a search says and is told: means over seeds, objectives, the best, what it would do next."""

import math
from pathlib import Path

import pytest

import lepton.sweep.grid
from lepton import load
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_id
from lepton.errors import FailedRuns
from tests.sweep.conftest import point

SIZE = ("hydra.sweeper.n_trials=8", "hydra.sweeper.batch=3")
NAME = "hydra/sweeper/sampler"


def hill(params):
    """The score that the stand-in for training gives seed 0."""
    off = math.log10(params["optimizer.lr"]) + 2
    worse = 0.1 if params["optimizer"] == "adamw" else 0.0
    return -(off**2) - (params["model.dropout"] - 0.2) ** 2 - worse


def test_several_seeds_a_trial_tell_their_mean(search, training, capsys):
    points = search("hydra.sweeper.seeds=3", "seed=5", "hydra.sweeper.n_trials=2")
    assert [c["seed"] for c in training.configs] == [5, 6, 7, 5, 6, 7]
    assert len({*points}) == 2
    out = capsys.readouterr().out
    means = [hill(named(p)) - 0.01 * 6 for p in (points[0], points[3])]
    assert f"score {max(means):.6g}" in out
    assert "lepton train -m " in out
    assert "seed=range(5,8)" in out


def named(point):
    return dict(zip(("optimizer", "optimizer.lr", "model.dropout"), point, strict=True))


def test_one_seed_that_fails_is_a_trial_that_failed(search, training, capsys):
    training.fail = lambda config: config["seed"] == 1 and len(training.configs) < 3
    with pytest.raises(FailedRuns, match="1 of 3 trials failed"):
        search("hydra.sweeper.seeds=2", "hydra.sweeper.n_trials=3")
    assert len(training.configs) == 6
    assert "2 finished, 1 failed" in capsys.readouterr().out


def test_the_best_trial_is_a_command_that_gives_its_run(search, lepton, study, capsys):
    points = search("optimizer=adam,adamw", *SIZE)
    (best,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("best: ")]
    words = best.partition(": lepton ")[2].split()
    code, out, _ = lepton("check", *words[1:])
    assert code == 0
    assert "finished" in out.splitlines()[1]
    expected = max(points, key=lambda p: hill(named(p)))
    assert f"optimizer.lr={expected[1]}" in words


def test_two_objectives_give_the_pareto_front(search, training, capsys):
    words = [f"{NAME}=nsgaii", "hydra.sweeper.objectives=[val/auroc,parameters]"]
    search(*words, "hydra.sweeper.n_trials=30", "hydra.sweeper.batch=10")
    runs = [(c["model"]["dropout"], int(1e4 * c["optimizer"]["lr"])) for c in training.configs]
    front = {(a, p) for a, p in runs if not any(_beats(other, (a, p)) for other in runs)}
    out = capsys.readouterr().out
    lines = [x.split() for x in out.splitlines() if "val/auroc" in x and "lepton train" in x]
    shown = {(float(x[3]), int(x[5].rstrip(":"))) for x in lines}
    assert shown == {(float(f"{a:.6g}"), p) for a, p in front}
    assert f"Pareto front, {len(lines)} trials" in out


def _beats(one, two):
    return one != two and one[0] >= two[0] and one[1] <= two[1]


def test_directions_turn_an_objective_around(search, capsys):
    words = ["hydra.sweeper.objectives=[val/log_loss]", *SIZE]
    best = min(-hill(named(p)) for p in search(*words))
    assert f"val/log_loss {best:.6g}" in capsys.readouterr().out
    search(*words, "hydra.sweeper.directions=[maximize]", f"{NAME}=random")
    worst = max(-row for row in load("default")["score"])
    assert f"val/log_loss {worst:.6g}" in capsys.readouterr().out


def test_naming_a_search_changes_no_run(here):
    plain, named = compose("model=mlp"), compose("model=mlp", "search=resnet")
    assert run_id(check(plain)) == run_id(check(named))
    assert "search" not in named.choices
    assert named.model == plain.model


def test_check_says_what_a_search_would_do_and_writes_nothing(search, training, lepton):
    words = ("check", "-m", "hydra/sweeper=search", "dataset=wine", "model=mlp_small")
    space = ("optimizer.lr=tag(log,interval(1e-4,1e-1))", "model.dropout=interval(0,0.5)")
    code, out, _ = lepton(*words, *space, *SIZE)
    assert code == 0
    head, *lines = out.splitlines()
    assert head == "search by TPESampler: 8 trials in batches of 3"
    assert lines[:2] == ["  model.dropout: 0 to 0.5", "  optimizer.lr: 0.0001 to 0.1 (log)"]
    known = "trials: 0 there, 3 runs to train next, 5 to follow from their results"
    assert lines[2] == known
    assert not Path("runs").exists()
    training.stop_after = 4
    with pytest.raises(KeyboardInterrupt):
        search(*SIZE)
    out = lepton(*words, *space, *SIZE)[1]
    assert "trials: 3 there, 2 runs to train next, 2 to follow" in out
    training.stop_after = math.inf
    search(*SIZE)
    assert "trials: 8 there, nothing to train" in lepton(*words, *space, *SIZE)[1]


def test_a_run_that_ends_without_a_word_is_not_told_as_failed(search, training, monkeypatch):
    real, lost = lepton.sweep.grid.launch, [1]

    def launch(launcher, jobs, progress):
        real(launcher, jobs[: len(jobs) - len(lost)], progress)

    monkeypatch.setattr(lepton.sweep.grid, "launch", launch)
    whole = ["optimizer=adam,adamw", *SIZE]
    with pytest.raises(FailedRuns, match="ended without a word of why; the same command tries"):
        search(*whole)
    assert len(training.configs) == 2
    lost.clear()
    search(*whole)
    assert len(training.configs) == 8
    assert search(*whole, "study=other") == [point(c) for c in training.configs[:8]]
