"""A sweep with a budget: what it starts, keeps and says; and what is made of its runs then."""

import json
import sys
from pathlib import Path

import pytest

import lepton
from lepton.errors import FailedRuns
from lepton.launch.basic import Basic
from lepton.launch.worker_pool import WorkerPool
from lepton.sweep.budget import Budget
from lepton.sweep.job import Job
from lepton.sweep.multirun import multirun, plan_runs
from lepton.sweep.progress import SweepProgress

GRID = ("hydra/launcher=basic", "dataset=wine", "model=mlp_small", "seed=range(6)")


@pytest.fixture
def swept(training, monkeypatch):
    """Runs a sweep in which each run takes ten seconds; gives the seeds that were trained."""
    monkeypatch.setattr("lepton.sweep.budget.monotonic", lambda: 10.0 * len(training.configs))

    def swept(*overrides):
        before = len(training.configs)
        multirun([*GRID, *overrides])
        return [config["seed"] for config in training.configs[before:]]

    return swept


@pytest.mark.slow
def test_the_same_sweep_again_starts_nothing_and_a_larger_budget_goes_on(swept, capsys):
    assert swept("budget=35s") == [0, 1, 2]
    out = capsys.readouterr().out
    assert "budget: 0:30 of 0:35 used; 3 runs not started; the same command with a larger" in out
    assert "  not started  dataset=wine model=mlp_small seed=4: about 0:10, 0:05 were left" in out
    assert swept("budget=35s") == []
    assert swept("budget=55s") == [3, 4]
    capsys.readouterr()
    assert swept() == [5]
    assert "budget" not in capsys.readouterr().out
    assert swept("budget=1m") == []
    assert "every run was started" in capsys.readouterr().out


@pytest.mark.slow
def test_runs_that_count_together_are_listed_together(swept, capsys):
    assert swept("budget=35s", "hydra.sweeper.together=[seed]") == [0]
    reason = "about 0:10, 0:50 with those it counts with, 0:25 were left"
    line = f"  not started  dataset=wine model=mlp_small seed=1,2,3,4,5: {reason}"
    assert line in capsys.readouterr().out.splitlines()


@pytest.mark.slow
def test_another_key_that_ends_in_the_name_of_one_is_shown_as_it_is(swept, capsys):
    together = "hydra.sweeper.together=[seed]"
    assert swept("budget=15s", together, "dataset.split_seed=1", "seed=0,1,2") == [0]
    line = "  not started  dataset=wine model=mlp_small seed=1,2 dataset.split_seed=1: about 0:10"
    assert line in capsys.readouterr().out


@pytest.mark.slow
def test_a_killed_sweep_goes_on_with_the_time_that_it_had_left(swept, training):
    training.stop_after = 2
    with pytest.raises(KeyboardInterrupt):
        swept("budget=45s")
    training.stop_after = 100
    assert swept("budget=45s") == [2, 3]


def test_a_budget_is_no_part_of_a_run(swept):
    words = [*GRID, "study=a"]
    assert [job.folder for job in plan_runs([*words, "budget=5s"], sweep=True).jobs] == [
        job.folder for job in plan_runs(words, sweep=True).jobs
    ]


@pytest.mark.slow
def test_a_sweep_that_is_to_train_again_has_its_whole_budget(swept):
    assert swept("budget=35s") == [0, 1, 2]
    assert swept("budget=35s", "rerun=true") == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["budget=soon"], "budget=soon: is no span of time; write budget=10m, 90s or 1h30m"),
        (["budget=0"], "budget=0: leaves no time; write budget=10m, 90s or 1h30m"),
        (["budget=1m,2m"], "budget=1m,2m: a sweep has one budget; write budget=10m"),
        (
            ["budget=1m", "hydra/launcher=submitit_local"],
            "budget: hydra/launcher=submitit_local hands all runs over at once, whatever time is "
            "left; auto, parallel, vectorized and basic ask before each start",
        ),
        (
            ["hydra.sweeper.then=ensemble", "dataset.test_size=0"],
            "dataset.test_size=0: hydra.sweeper.then makes a run of the sweep's, which needs a",
        ),
        (["hydra.sweeper.impossible=no"], "hydra.sweeper.impossible: 'no' is neither refuse nor"),
        (["hydra.sweeper.together=3"], "hydra.sweeper.together: 3 is not a list of keys"),
        (["hydra.sweeper.together=[sed]"], "hydra.sweeper.together: no values of sed are given"),
        (
            ["experiment=best_tabular,realmlp"],
            "experiment=best_tabular: trains other experiments, so that it is no value beside",
        ),
        (["hydra.sweeper.then=ensembel"], "hydra.sweeper.then: 'ensembel' begins with no command"),
        (["hydra.sweeper.then='ensemble keap=1'"], "hydra.sweeper.then: keap: lepton ensemble has"),
        (["hydra.sweeper.then='ensemble runs=a'"], "hydra.sweeper.then: runs=a: its runs are"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(lepton, here, words, message):
    code, out, stderr = lepton("train", "-m", *GRID[1:], *words)
    (line,) = stderr.splitlines()
    assert (code, out) == (2, "")
    assert line.startswith(f"lepton: {message}")
    assert not (here / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["budget=1m"], "budget=1m: a budget decides how many runs of a sweep are started; add -m"),
        (
            ["experiment=best_tabular"],
            "experiment=best_tabular: trains other experiments, which is a sweep; add -m",
        ),
    ],
)
@pytest.mark.parametrize("command", ["train", "check"])
def test_what_is_for_a_sweep_is_told_with_the_flag_that_makes_one(
    lepton, here, command, words, message
):
    code, _, stderr = lepton(command, "dataset=wine", *words)
    assert (code, stderr) == (2, f"lepton: {message}\n")


def test_a_pool_asks_before_each_start(here):
    asked, trained = [], []

    class Progress(SweepProgress):
        def may_start(self, *jobs):
            asked.append([job.folder.name for job in jobs])
            return "1" not in asked[-1]

    jobs = [Job((), {}, Path("runs") / str(n)) for n in range(3)]
    pool = WorkerPool(jobs, Progress(jobs), workers=1)
    pool.train = lambda worker, job: trained.append(job.folder.name)
    pool._serve(None)
    assert asked == [["0"], ["1"], ["2"]]
    assert trained == ["0", "2"]


def test_one_run_at_a_time_is_counted_so_also_after_a_pool(here):
    budget = Budget(60, [])
    progress = SweepProgress((), budget=budget)
    progress.at_once(4)
    Basic().launch_jobs([], progress)
    assert budget.at_once == 1


@pytest.mark.slow
def test_a_stack_that_the_budget_does_not_last_for_is_not_started(here, monkeypatch):
    clock = iter(range(0, 10**6, 20))
    monkeypatch.setattr("lepton.sweep.budget.monotonic", lambda: float(next(clock)))
    words = [
        *GRID[1:],
        "trainer.max_epochs=1",
        "hydra/launcher=vectorized",
        "hydra.launcher.size=2",
    ]
    multirun([*words, "budget=190s"])
    finished = lepton.load("default")
    assert 0 < len(finished) < 6
    assert len(finished) % 2 == 0
    multirun(words)
    assert len(lepton.load("default")) == 6


SMALL = ("dataset=synthetic", "dataset.rows=200", "trainer.max_epochs=2", "batch_size=32")
ENDED = "*/result.json"
PARTS = ("dataset.val_folds=2", "dataset.val_fold=0,1")


@pytest.mark.slow
def test_a_sweep_over_experiments_takes_the_settings_of_each(here):
    plan = plan_runs(["experiment=best_tabular", *SMALL], sweep=True)
    chosen = {job.config["choices"]["experiment"]: job.config for job in plan.jobs}
    assert len(plan.jobs) == 5 * len(chosen) > 20
    assert chosen["tabular_tabm"]["model"]["num_embedding"] == "piecewise_linear"
    assert chosen["realmlp"]["optimizer"]["lr"] == 0.04
    assert {job.folder.parent.name for job in plan.jobs} == {"best_tabular"}
    assert [job.config["dataset"]["val_fold"] for job in plan.jobs[:5]] == [*range(5)]


@pytest.mark.slow
def test_settings_that_cannot_be_trained_are_left_out_with_a_line(here, monkeypatch, lepton):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    few = "hydra.sweeper.exclude='not model in [lightgbm, linear]'"
    words = ["experiment=best_tabular", *SMALL, *PARTS, few]
    code, out, stderr = lepton("check", "-m", *words)
    assert (code, stderr) == (0, "")
    assert "left out: " in out
    assert "experiment=tabular_lightgbm" in out
    assert "needs lightgbm" in out
    assert " and 1 more run of the setting: " in out
    assert out.count("to train  ") == 2
    code, _, stderr = lepton("check", "-m", *words, "hydra.sweeper.impossible=refuse")
    assert code == 2
    assert "needs lightgbm" in stderr


@pytest.mark.slow
def test_where_all_settings_have_the_mistake_it_is_refused(here, lepton):
    code, _, stderr = lepton("check", "-m", "experiment=best_tabular", "dataset=wine", *PARTS[:1],
                             "dataset.val_fold=7")  # fmt: skip
    assert code == 2
    assert "dataset.val_fold=7: with dataset.val_folds=2, 0 to 1" in stderr


@pytest.mark.slow
def test_the_ensemble_of_a_sweep_is_made_of_the_models_whose_folds_are_all_there(
    here, capsys, monkeypatch
):
    words = [*SMALL, *PARTS, "study=made", "hydra/launcher=basic"]
    then = "hydra.sweeper.then='ensemble keep=true'"
    finished = Path("runs/made").glob
    monkeypatch.setattr("lepton.sweep.budget.monotonic", lambda: 10.0 * len([*finished(ENDED)]))
    together = "hydra.sweeper.together=[dataset.val_fold]"
    study = lepton.multirun("model=linear,mlp_small", *words, then, together, budget="25s")
    frame = study.frame(all=True)
    made = frame[frame["status"].eq("finished") & frame["ensemble"].notna()].iloc[0]
    facts = json.loads((Path(made["folder"]) / "ensemble.json").read_text())
    assert facts["considered"] == 1
    lepton.multirun("model=linear,mlp_small", *words, then, together)
    assert study.frame(all=True)["ensemble"].notna().sum() == 2
    multirun(["model=linear,mlp_small", *words, then])
    out = capsys.readouterr().out
    assert "members' mean" in out
    assert "to predict: lepton predict runs/made/synthetic-ensemble_greedy-s0-" in out


@pytest.mark.slow
def test_a_sweep_of_whose_runs_no_ensemble_can_be_made_says_so(swept):
    with pytest.raises(FailedRuns, match="ensemble: none is made of 6 finished runs: "):
        multirun([*GRID, "hydra.sweeper.then=ensemble"])


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 3, 0])
def test_the_recipe_makes_an_ensemble_of_frames_of_every_task(here, classes):
    from sklearn.datasets import make_classification, make_regression

    if classes:
        X, y = make_classification(200, 6, n_informative=4, n_classes=classes, random_state=0)
    else:
        X, y = make_regression(200, 6, random_state=0)
    few = "hydra.sweeper.exclude='not model in [linear, gradient_boosting]'"
    words = ["experiment=best_tabular", few, *PARTS, "trainer.max_epochs=3", "runs='my runs'"]
    result = lepton.fit(X, *words, y=y, budget="10m")
    assert [path.name for path in here.iterdir()] == ["my runs"]
    assert result.config["choices"]["ensemble"] == "greedy"
    predicted = lepton.load_model(result.folder).predict(X[:5])
    assert len(predicted) == 5
    again = lepton.fit(X, *words, y=y, budget="10m")
    assert again.folder == result.folder
