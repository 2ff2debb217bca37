"""What a search says and is told: means over seeds, objectives, the best, what it would do next."""

import json
import math
from pathlib import Path

import pytest

import lepton.sweep.grid
from lepton import load
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_id
from lepton.errors import FailedRuns
from lepton.storage.lock import acquire_lock, release_lock
from lepton.storage.run_folder import run_status, unfinished_folder
from lepton.sweep.search.trial_outcome import trial_run_status
from tests.sweep.conftest import point

SIZE = ("hydra.sweeper.n_trials=8", "hydra.sweeper.batch=3")
NAME = "hydra/sweeper/sampler"


def hill(params):
    """The score that the stand-in for training gives seed 0."""
    distance = math.log10(params["optimizer.lr"]) + 2
    penalty = 0.1 if params["optimizer"] == "adamw" else 0.0
    return -(distance**2) - (params["model.dropout"] - 0.2) ** 2 - penalty


LOST = {"run": "run", "error": "", "traceback": ""}


@pytest.mark.parametrize(
    ("file", "record", "status"),
    [
        ("run.pruned/pruned.json", {}, "pruned"),
        ("run/result.json", {}, "finished"),
        ("run.failed/failure.json", {**LOST, "status": "diverged"}, "diverged"),
        ("run.failed/failure.json", {**LOST, "status": "failed"}, "running"),
    ],
)
def test_a_trial_that_has_ended_has_also_while_another_process_looks_at_its_run(
    here, file, record, status
):
    folder = here / "run"
    lock = acquire_lock(unfinished_folder(folder))
    assert trial_run_status(folder) == "running"
    (here / file).parent.mkdir()
    (here / file).write_text(json.dumps(record))
    assert (run_status(folder), trial_run_status(folder)) == ("running", status)
    release_lock(lock)
    assert trial_run_status(folder) == (status if status != "running" else "failed")


@pytest.mark.slow
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


@pytest.mark.slow
def test_one_seed_that_fails_is_a_trial_that_failed(search, training, capsys):
    training.fail = lambda config: config["seed"] == 1 and len(training.configs) < 3
    with pytest.raises(FailedRuns, match="1 of 3 trials failed"):
        search("hydra.sweeper.seeds=2", "hydra.sweeper.n_trials=3")
    assert len(training.configs) == 6
    assert "2 finished, 1 failed" in capsys.readouterr().out


@pytest.mark.slow
def test_the_best_trial_is_a_command_that_gives_its_run(search, lepton, study, capsys):
    points = search("optimizer=adam,adamw", *SIZE)
    (best,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("best: ")]
    arguments = best.partition(": lepton ")[2].split()
    code, out, _ = lepton("check", *arguments[1:])
    assert code == 0
    assert "finished" in out.splitlines()[1]
    expected = max(points, key=lambda p: hill(named(p)))
    assert f"optimizer.lr={expected[1]}" in arguments


@pytest.mark.slow
def test_two_objectives_give_the_pareto_front(search, training, capsys):
    overrides = [f"{NAME}=nsgaii", "hydra.sweeper.objectives=[val/auroc,parameters]"]
    search(*overrides, "hydra.sweeper.n_trials=30", "hydra.sweeper.batch=10")
    runs = [(c["model"]["dropout"], int(1e4 * c["optimizer"]["lr"])) for c in training.configs]
    front = {(a, p) for a, p in runs if not any(_beats(other, (a, p)) for other in runs)}
    out = capsys.readouterr().out
    lines = [
        line.split() for line in out.splitlines() if "val/auroc" in line and "lepton train" in line
    ]
    printed = {(float(line[3]), int(line[5].rstrip(":"))) for line in lines}
    assert printed == {(float(f"{a:.6g}"), p) for a, p in front}
    assert f"Pareto front, {len(lines)} trials" in out


def _beats(first, second):
    return first != second and first[0] >= second[0] and first[1] <= second[1]


@pytest.mark.slow
def test_directions_turn_an_objective_around(search, capsys):
    overrides = ["hydra.sweeper.objectives=[val/log_loss]", *SIZE]
    best = min(-hill(named(p)) for p in search(*overrides))
    assert f"val/log_loss {best:.6g}" in capsys.readouterr().out
    search(*overrides, "hydra.sweeper.directions=[maximize]", f"{NAME}=random")
    worst = max(-row for row in load("default")["score"])
    assert f"val/log_loss {worst:.6g}" in capsys.readouterr().out


@pytest.mark.slow
def test_naming_a_search_changes_no_run(here):
    cfg, cfg_of_search = compose("model=mlp"), compose("model=mlp", "search=resnet")
    assert run_id(check(cfg)) == run_id(check(cfg_of_search))
    assert "search" not in cfg_of_search.choices
    assert cfg_of_search.model == cfg.model


@pytest.mark.slow
def test_check_says_what_a_search_would_do_and_writes_nothing(search, training, lepton):
    arguments = ("check", "-m", "hydra/sweeper=search", "dataset=wine", "model=mlp_small")
    space = ("optimizer.lr=tag(log,interval(1e-4,1e-1))", "model.dropout=interval(0,0.5)")
    code, out, _ = lepton(*arguments, *space, *SIZE)
    assert code == 0
    head, *lines = out.splitlines()
    assert head == "search by TPESampler: 8 trials in batches of 3"
    assert lines[:2] == ["  model.dropout: 0 to 0.5", "  optimizer.lr: 0.0001 to 0.1 (log)"]
    counts = "trials: 0 there, 3 runs to train next, 5 to follow from their results"
    assert lines[2] == counts
    assert not Path("runs").exists()
    training.stop_after = 4
    with pytest.raises(KeyboardInterrupt):
        search(*SIZE)
    out = lepton(*arguments, *space, *SIZE)[1]
    assert "trials: 3 there, 2 runs to train next, 2 to follow" in out
    training.stop_after = math.inf
    search(*SIZE)
    assert "trials: 8 there, nothing to train" in lepton(*arguments, *space, *SIZE)[1]


@pytest.mark.slow
def test_a_run_that_ends_without_a_word_is_not_told_as_failed(search, training, monkeypatch):
    real, lost_jobs = lepton.sweep.grid.launch, [1]

    def launch(launcher, jobs, progress):
        real(launcher, jobs[: len(jobs) - len(lost_jobs)], progress)

    monkeypatch.setattr(lepton.sweep.grid, "launch", launch)
    overrides = ["optimizer=adam,adamw", *SIZE]
    with pytest.raises(FailedRuns, match="ended without a word of why; the same command tries"):
        search(*overrides)
    assert len(training.configs) == 2
    lost_jobs.clear()
    search(*overrides)
    assert len(training.configs) == 8
    assert search(*overrides, "study=other") == [point(c) for c in training.configs[:8]]
