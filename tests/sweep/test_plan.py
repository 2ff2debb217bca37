"""The plan of a sweep: which runs, each as if composed alone, all checked before the first."""

import itertools
from pathlib import Path

import pytest

from lepton import compose
from lepton.config.check import check
from lepton.config.identity import run_folder
from lepton.errors import ConfigError, Diverged
from lepton.storage.results import Result, save_result
from lepton.storage.run_writing import record_failure, writing_run
from lepton.sweep.multirun import plan_runs

COUNTS = dict.fromkeys(("epochs", "best_epoch", "parameters", "trainable"), 1)
FRAMES = {"metrics": {}, "constant": {}, "rows": {}, "choices": {}, "config": {}, "cleaning": []}
RESULT = Result(run="any", score=0.5, seconds=1.0, **COUNTS, **FRAMES)
SWEPT = """# @package _global_
# A sweep of its own.
defaults:
  - override /dataset: wine
  - override /model: mlp_small
optimizer:
  lr: 0.5
hydra:
  sweeper:
    params:
      seed: range(3)
      optimizer.lr: 0.1,0.2
"""


def folders(*overrides, sweep=True):
    return [job.folder for job in plan_runs(overrides, sweep=sweep).jobs]


@pytest.fixture
def experiment(here):
    (here / "conf" / "experiment").mkdir(parents=True)
    (here / "conf" / "experiment" / "swept.yaml").write_text(SWEPT)


GRIDS = [
    {"dataset": ["wine", "diabetes"], "model": ["mlp", "gradient_boosting"], "seed": [0, 1]},
    {"regularization": ["none", "[ema,l1]"], "optimizer.lr": ["0.1", "0.001"], "dataset": ["wine"]},
    {
        "model": ["mlp"],
        "model.hidden": ["[8]", "[8,4]"],
        "+model.dropout": [0.5],
        "scheduler": ["cosine"],
    },
    {"experiment": ["credit_baseline"], "optimizer": ["sgd", "lion"], "trainer": ["smoke"]},
    {"task.class_weights": ["null", "balanced", "[1,2]"], "study": ["other"]},
]


@pytest.mark.parametrize("grid", GRIDS)
def test_every_job_is_what_its_overrides_compose_to_alone(here, grid):
    swept = [f"{key}={','.join(map(str, values))}" for key, values in grid.items()]
    jobs = {job.overrides: job for job in plan_runs(swept, sweep=True).jobs}
    values_by_key = [[f"{key}={value}" for value in values] for key, values in grid.items()]
    alone = [check(compose(*overrides)) for overrides in itertools.product(*values_by_key)]
    assert len({run_folder(config) for config in alone}) == len(jobs)
    for config, job in zip(alone, jobs.values(), strict=True):
        assert job.folder == run_folder(config)
        assert job.config == config


def test_the_order_of_values_and_of_keys_does_not_matter(here):
    first = folders("dataset=wine", "model=mlp,linear", "seed=1,2")
    second = folders("seed=2,1", "model=linear,mlp", "dataset=wine")
    assert set(first) == set(second)
    assert len(first) == 4


def test_combinations_that_mean_the_same_run_are_one_job(here):
    overrides = ("dataset=wine", "model=gradient_boosting,mlp", "optimizer.lr=0.1,0.2", "seed=3,3")
    plan = plan_runs(overrides, sweep=True)
    assert len(plan.jobs) == 1 + 2
    assert plan.combinations == 8
    assert str(plan).startswith("3 runs (8 combinations, 5 mean the same run): 0 finished, 3 to")


@pytest.mark.parametrize(
    ("values", "count"), [("range(4)", 4), ("range(2,8,3)", 2), ("1,5", 2), ("choice(1,2,3)", 3)]
)
def test_ranges_and_choices_are_expanded(here, values, count):
    assert len(folders("dataset=wine", f"seed={values}")) == count


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "interval(0,1)",
            "optimizer.lr=interval(0,1): an interval has no list of values to train; "
            "hydra/sweeper=search looks for the best",
        ),
        ("range(3,3)", "optimizer.lr=range(3,3): holds no value"),
        ("range(0,5,0)", "optimizer.lr=range(0,5,0): range() arg 3 must not be zero"),
        (
            "range(1000000000)",
            "optimizer.lr=range(1000000000): more than 100000 runs; try fewer values, or a search",
        ),
    ],
)
def test_values_that_make_no_list_are_refused(here, value, message):
    with pytest.raises(ConfigError) as error:
        plan_runs(["dataset=wine", f"optimizer.lr={value}"], sweep=True)
    assert str(error.value) == message


def test_a_later_word_for_the_same_key_wins(here):
    assert folders("dataset=wine", "seed=1,2", "seed=3") == folders("dataset=wine", "seed=3")
    assert folders("model=mlp,linear", "model=mlp") == folders("model=mlp")


def test_mistakes_of_all_jobs_are_told_at_once(here):
    overrides = ("dataset=wine", "model=mlp,linear", "model.dropout=0.1", "optimizer.lr=0.1,fast")
    with pytest.raises(ConfigError) as error:
        plan_runs(overrides, sweep=True)
    message = str(error.value)
    assert "model.dropout" in message
    assert "'fast'" in message
    assert len(set(error.value.problems)) == len(error.value.problems) == 2


def test_an_experiment_brings_a_sweep_of_its_own(experiment):
    plan = plan_runs(["experiment=swept"], sweep=True)
    settings = {(job.config["seed"], job.config["optimizer"]["lr"]) for job in plan.jobs}
    assert settings == set(itertools.product(range(3), (0.1, 0.2)))
    assert {job.config["choices"]["model"] for job in plan.jobs} == {"mlp_small"}


def test_the_command_line_wins_over_the_sweep_of_an_experiment(experiment):
    jobs = plan_runs(["experiment=swept", "seed=7", "model=linear,mlp_small"], sweep=True).jobs
    assert {job.config["seed"] for job in jobs} == {7}
    assert {job.config["optimizer"]["lr"] for job in jobs} == {0.1, 0.2}
    assert len(jobs) == 4


def test_without_a_sweep_an_experiment_is_one_run_with_its_own_values(experiment):
    (job,) = plan_runs(["experiment=swept"], sweep=False).jobs
    assert (job.config["seed"], job.config["optimizer"]["lr"]) == (0, 0.5)


def test_finished_runs_are_planned_and_not_to_do_unless_rerun(here):
    overrides = ["dataset=wine", "seed=1,2"]
    first, second = plan_runs(overrides, sweep=True).jobs
    first.folder.mkdir(parents=True)
    save_result(RESULT, first.folder)
    plan = plan_runs(overrides, sweep=True)
    assert [job.folder for job in plan.to_do] == [second.folder]
    assert str(plan) == "2 runs: 1 finished, 1 to train"
    assert len(plan_runs([*overrides, "rerun=true"], sweep=True).to_do) == 2


def test_planning_writes_nothing(here):
    plan_runs(["dataset=wine", "seed=range(5)"], sweep=True)
    assert list(Path().iterdir()) == []


def test_a_larger_grid_holds_the_jobs_of_the_smaller_one(here):
    small = folders("dataset=wine", "seed=1,2", "optimizer.lr=0.1")
    large = folders("dataset=wine", "seed=range(4)", "optimizer.lr=0.1,0.2")
    assert set(small) < set(large)
    assert len(large) == 8


@pytest.fixture
def states(here):
    """Four runs of seeds 1 to 4: finished, failed, diverged, still to do."""
    overrides = ["dataset=wine", "seed=1,2,3,4"]
    finished, failed, diverged, _ = plan_runs(overrides, sweep=True).jobs
    finished.folder.mkdir(parents=True)
    save_result(RESULT, finished.folder)
    record_failure(failed.folder, failed.config, RuntimeError("no"))
    record_failure(diverged.folder, diverged.config, Diverged("inf"))
    return overrides


def seeds(plan):
    return [job.config["seed"] for job in plan.to_do]


def test_failed_runs_are_tried_again_and_diverged_ones_are_not(states):
    plan = plan_runs(states, sweep=True)
    assert seeds(plan) == [2, 4]
    assert str(plan) == "4 runs: 1 finished, 1 diverged, 2 to train, 1 of them after a failure"


def test_failed_runs_are_left_where_that_is_asked_for(states):
    plan = plan_runs([*states, "hydra.sweeper.retry_failed=false"], sweep=True)
    assert seeds(plan) == [4]
    assert str(plan) == "4 runs: 1 finished, 1 diverged, 1 failed, 1 to train"


def test_rerun_takes_all_of_them(states):
    overrides = [*states, "rerun=true", "hydra.sweeper.retry_failed=false"]
    assert seeds(plan_runs(overrides, sweep=True)) == [1, 2, 3, 4]


def test_runs_of_another_process_are_planned_in_case_it_dies(here):
    overrides = ["dataset=wine", "seed=1,2"]
    first, _ = plan_runs(overrides, sweep=True).jobs
    with writing_run(first.folder):
        plan = plan_runs(overrides, sweep=True)
        assert str(plan) == "2 runs: 0 finished, 1 running in another process, 1 to train"
        assert seeds(plan) == [1, 2]


def test_the_plan_is_shown_with_the_state_of_each_run(states, lepton):
    code, out, _ = lepton("check", "-m", *states)
    head, *lines = out.splitlines()
    assert code == 0
    assert head.startswith("4 runs: 1 finished, 1 diverged")
    assert [line[:12].strip() for line in lines] == ["finished", "to train", "diverged", "to train"]
