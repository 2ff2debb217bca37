"""The launchers that stack: what is stacked, what is said of the rest, and the same study."""

import logging
from pathlib import Path

import pytest

from lepton import load
from lepton.launch import auto, vectorized
from lepton.launch.auto import Auto
from lepton.launch.basic import Basic
from lepton.launch.parallel import Parallel
from lepton.launch.vectorized import Vectorized
from lepton.sweep.multirun import plan_runs
from lepton.sweep.progress import SweepProgress
from lepton.vectorize.grouping import group_jobs
from tests.quick import quick
from tests.vectorize.conftest import EXACT, SMALL, largest_difference

STACKED = ("hydra/launcher=vectorized", "hydra.launcher.size=9")


def test_a_sweep_is_stacked_where_it_can_be_and_says_of_the_rest_why_not(lepton):
    base = [w for w in SMALL if not w.startswith("model")]
    code, out, err = lepton(
        "train", "-m", *base, "model=mlp_small,gradient_boosting", "seed=1,2", *STACKED
    )
    assert code == 0, err
    assert "2 runs in 1 group, each trained as one stack; 2 one by one" in err
    assert "one by one, 2 of 4 runs: model=gradient_boosting fits itself" in err
    trained = load("default").set_index("model")["trained"]
    assert set(trained["mlp_small"]) == {"stack of 2"}
    assert set(trained["gradient_boosting"]) == {"alone"}
    assert "gradient_boosting" in out


def test_why_runs_are_trained_one_by_one_is_shown_once_in_a_sweep_of_many_batches(here, caplog):
    caplog.set_level(logging.INFO, "lepton")
    words = ["dataset=wine", "model=gradient_boosting", "seed=0,1,2,3"]
    planned = plan_runs(words, sweep=True).jobs
    launcher = Vectorized(threads=1, size=None, workers=1)
    for batch in (planned[:2], planned[2:]):
        assert launcher.stack(batch, SweepProgress(planned)) == batch
    shown = [text for text in caplog.messages if text.startswith("one by one")]
    assert shown == ["one by one, 2 of 2 runs: model=gradient_boosting fits itself"]


@pytest.mark.parametrize("launcher", quick(["vectorized", "auto"]))
def test_a_study_is_the_same_whichever_launcher_made_it(lepton, launcher):
    arguments = ("train", "-m", *SMALL, EXACT, "seed=1,2", "optimizer.lr=0.01,0.02")
    assert lepton(*arguments, "study=one", "hydra/launcher=basic")[0] == 0
    assert (
        lepton(*arguments, "study=two", f"hydra/launcher={launcher}", "hydra.launcher.size=9")[0]
        == 0
    )
    names = {path.parent.name for path in Path("runs/one").glob("*/result.json")}
    assert names == {path.parent.name for path in Path("runs/two").glob("*/result.json")}
    assert len(names) == 4
    gaps = [largest_difference(Path("runs/one") / name, Path("runs/two") / name) for name in names]
    assert max(gaps) < 1e-9
    assert set(load("two")["trained"]) == {"stack of 4"}


@pytest.mark.slow
def test_auto_is_the_default_and_an_enlarged_grid_stacks_only_what_is_new(lepton):
    arguments = ("train", "-m", *SMALL, "hydra.launcher.size=9")
    assert lepton(*arguments, "seed=1,2")[0] == 0
    code, _, err = lepton(*arguments, "seed=range(5)")
    assert code == 0
    assert "5 runs: 2 finished, 3 to train" in err
    assert load("default").sort_values("seed")["trained"].tolist() == [
        "stack of 3",
        "stack of 2",
        "stack of 2",
        "stack of 3",
        "stack of 3",
    ]


@pytest.fixture
def launched(monkeypatch):
    """Which launcher was given how many runs; nothing is trained."""
    calls = []

    def instead(kind):
        def launch_jobs(self, jobs, progress=None):
            calls.append((kind.__name__, len(jobs)))

        return launch_jobs

    for kind in (Basic, Parallel):
        monkeypatch.setattr(kind, "launch_jobs", instead(kind))
    return calls


def jobs(count):
    overrides = ["model=gradient_boosting", "dataset=wine", f"seed=range({count})"]
    return plan_runs(overrides, sweep=True).jobs


def launcher(**options):
    defaults = {"threads": None, "size": None, "workers": 2, "per_gpu": 1, "timeout": None}
    return Auto(**defaults | options)


def test_quick_runs_are_not_worth_a_pool(here, launched):
    launcher().launch_jobs(jobs(4))
    assert launched == [("Basic", 1)] * 4


def test_slow_runs_go_to_the_pool_once_one_has_shown_it(here, launched, monkeypatch):
    clock = iter(range(0, 10_000, 30))
    monkeypatch.setattr(auto.time, "monotonic", lambda: next(clock))
    launcher().launch_jobs(jobs(6))
    assert launched == [("Basic", 1), ("Parallel", 5)]


def test_runs_with_a_time_limit_all_go_to_the_pool(here, launched):
    launcher(timeout=60.0).launch_jobs(jobs(3))
    assert launched == [("Parallel", 3)]


@pytest.mark.slow
def test_a_pruned_search_through_stacks_ends_as_one_by_one(lepton):
    arguments = (
        "train",
        "-m",
        *SMALL,
        EXACT,
        "hydra/sweeper=search",
        "hydra/sweeper/pruner=median",
        "hydra.sweeper.n_trials=12",
        "hydra.sweeper.batch=6",
        "hydra.sweeper.pruner.n_startup_trials=2",
        "hydra.sweeper.pruner.n_warmup_steps=1",
        "optimizer.lr=tag(log,interval(1e-5,1e-1))",
    )
    assert lepton(*arguments, "study=one", "hydra/launcher=basic")[0] == 0
    assert lepton(*arguments, "study=two", *STACKED)[0] == 0
    alone, stacked = (load(study).sort_values("run").reset_index() for study in ("one", "two"))
    assert alone["status"].tolist() == stacked["status"].tolist()
    assert alone["run"].tolist() == stacked["run"].tolist()
    assert set(alone["status"]) == {"finished", "pruned"}
    assert stacked["trained"].dropna().str.startswith("stack of").any()


WRONG = [
    (launcher, option)
    for launcher in ("vectorized", "auto")
    for option in ("size=0", "size=abc", "threads=-1", "threads=1.5")
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "option"), [*WRONG, ("parallel", "workers=0"), ("auto", "timeout=-1")]
)
def test_a_wrong_size_is_told_in_a_line_before_anything_is_written(lepton, here, launcher, option):
    overrides = (f"hydra/launcher={launcher}", f"hydra.launcher.{option}", "seed=1,2")
    code, _, err = lepton("train", "-m", *SMALL, *overrides)
    assert code == 2
    (line,) = err.splitlines()
    assert line.startswith(f"lepton: hydra.launcher.{option.partition('=')[0]}: ")
    assert not (here / "runs").exists()


GROUPS = ("model=linear,mlp_small,deadly", "seed=2", "optimizer.lr=0.01,0.02", "trainer.threads=1")


@pytest.fixture
def paying(monkeypatch, trap):
    """A pool pays from the second group on."""
    monkeypatch.setattr(vectorized, "POOL_START_SECONDS", 0.0)
    return trap


def stacked(*overrides):
    planned = plan_runs(overrides, sweep=True).jobs
    progress = SweepProgress(planned)
    Vectorized(threads=2, size=9, workers=2).launch_jobs(planned, progress)
    return planned, progress


@pytest.mark.slow
def test_groups_train_at_the_same_time_on_a_pool_with_the_same_results(paying, caplog):
    caplog.set_level(logging.INFO, "lepton")
    overrides = (*[w for w in SMALL if not w.startswith("model")], EXACT, *GROUPS)
    Basic().launch_jobs(plan_runs([*overrides, "study=alone"], sweep=True).jobs)
    planned, progress = stacked(*overrides, "study=pool")
    assert "2 groups on a pool of 2 workers" in caplog.text
    assert (progress.done, progress.failed, progress.running) == (6, 0, {})
    for job in planned:
        assert largest_difference(Path("runs/alone") / job.folder.name, job.folder) < 1e-9
    assert set(load("pool")["trained"]) == {"stack of 2"}


@pytest.mark.slow
@pytest.mark.parametrize(("times", "trained_as"), [("once", "stack of 2"), ("twice", "alone")])
def test_a_worker_that_dies_with_its_stack_costs_no_run(paying, caplog, times, trained_as):
    paying(2, f"kill {times}")
    _, progress = stacked("dataset=wine", "trainer.max_epochs=2", *GROUPS)
    assert (progress.done, progress.failed, progress.running) == (6, 0, {})
    assert "killed by SIGKILL" in caplog.text
    trained = load("default").set_index("model")["trained"]
    assert trained["deadly"].tolist() == [trained_as] * 2
    assert trained["mlp_small"].tolist() == ["stack of 2"] * 2


@pytest.mark.slow
def test_stacks_of_a_pool_train_with_the_threads_that_the_study_has_recorded(paying, monkeypatch):
    overrides = (*[w for w in SMALL if not w.startswith("model")], *GROUPS)
    monkeypatch.setattr(vectorized, "available_cores", lambda: 6)
    planned = plan_runs(overrides, sweep=True).jobs
    launcher = Vectorized(threads=None, size=9, workers=2)
    groups, _ = group_jobs(planned)
    assert launcher._recorded_threads(groups) == 3
    monkeypatch.setattr(vectorized, "available_cores", lambda: 32)
    assert launcher._recorded_threads(groups[:1]) == 3
