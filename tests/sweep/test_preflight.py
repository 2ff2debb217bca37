"""Before the first run of a sweep starts, the data of all are read and their models built."""

import sys
from pathlib import Path

import pytest

from lepton import allow, build
from lepton.commands import check
from lepton.errors import ConfigError, FailedRuns
from lepton.sweep import preflight
from lepton.sweep.multirun import multirun, plan_runs
from lepton.sweep.preflight import look_at_jobs

TABLE = ("dataset=csv", "dataset.path=t.csv", "dataset.target=y", "trainer.max_epochs=1")


@pytest.fixture
def table(here):
    rows = "".join(f"{i % 7},{i % 3},{i % 2}\n" for i in range(60))
    Path("t.csv").write_text(f"a,b,y\n{rows}")


@pytest.fixture
def readings(monkeypatch):
    """The seed of each reading of data."""
    seeds, read = [], build.unread_data

    def counted(config, **options):
        seeds.append(config["seed"])
        return read(config, **options)

    monkeypatch.setattr(build, "unread_data", counted)
    return seeds


MISTAKES = [
    ("dataset.target=z", "dataset.target: no column 'z' (there are: a, b, y)"),
    ("task.class_weights=[1,2,3]", "has 3 weights; this target needs one a class, 2"),
    ("task.class_weights=balancd", "'balancd' is not known; did you mean 'balanced'?"),
    ("dataset.shots=100", "dataset.shots=100: class '0' has"),
    ("dataset.columns.q=numeric", "dataset.columns.q: no such column"),
    ("optimizer=sgd optimizer.nesterov=true optimizer.momentum=0", "sgd refuses its values"),
    ("model.dropout=7", "model"),
    ("trainer.devices=4096", "trainer.devices: 4096 processes"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("mistake", "line"), MISTAKES)
def test_check_reads_the_data_and_builds_the_model(table, mistake, line):
    with pytest.raises(ConfigError) as error:
        check.main([*TABLE, "model=mlp_small", *mistake.split()])
    (problem,) = error.value.problems
    assert line in problem
    assert sorted(path.name for path in Path().iterdir()) == ["t.csv"]


@pytest.mark.slow
@pytest.mark.parametrize("column", ["dataset.split=group", "dataset.split=time"])
def test_check_misses_a_column_by_which_rows_are_split(table, column):
    with pytest.raises(ConfigError, match=r"dataset\.split_column=day: no such column"):
        check.main([*TABLE, "model=linear", column, "dataset.split_column=day"])


@pytest.mark.slow
def test_every_job_of_a_sweep_is_looked_at_before_the_first_starts(table):
    with pytest.raises(ConfigError) as error:
        multirun([*TABLE, "model=linear,mlp_small", "seed=0,1", "dataset.target=y,z"])
    (line,) = error.value.problems
    assert line.startswith("dataset=csv dataset.path=t.csv dataset.target=z")
    assert line.endswith("(and 1 more): dataset.target: no column 'z' (there are: a, b, y)")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("trained", "tested", "words", "line"),
    [
        (
            ["good", "good", "good", "bad", "good", "good"],
            ["good", "bad"],
            [],
            "dataset.validation=inside: class 'bad' has 1 row in the train split, which folds",
        ),
        (
            [1.0] * 6,
            [1.0, 2.0],
            ["dataset.task=regression", "task.monitor=r2"],
            "task.monitor: r2 is undefined on the 6 training rows",
        ),
    ],
)
def test_rows_that_folds_cannot_judge_are_told_before_the_first_start(
    here, trained, tested, words, line
):
    rows = [*(f"train,{y}" for y in trained), *(f"test,{y}" for y in tested)]
    Path("t.csv").write_text(
        "a,part,y\n" + "".join(f"{i % 3},{row}\n" for i, row in enumerate(rows))
    )
    inside = ["dataset.validation=inside", "dataset.split=column", "dataset.split_column=part"]
    with pytest.raises(ConfigError) as error:
        multirun([*TABLE, *inside, *words, "model=linear,mlp_small", "seed=0,1"])
    (told,) = error.value.problems
    assert told.startswith(line)
    assert not Path("runs").exists()


@pytest.mark.slow
def test_a_tracker_that_is_not_installed_is_one_line_before_the_first_start(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ConfigError) as error:
        multirun([*TABLE, "model=linear", "seed=0,1", "study=a,b", "logger=mlflow"])
    (line,) = error.value.problems
    assert line.startswith("logger=mlflow: ")
    assert line.endswith("; pip install 'lepton-experiments[track]'")
    assert sorted(path.name for path in Path().iterdir()) == ["t.csv"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["csv", "tensorboard"])
def test_a_first_look_leaves_nothing_of_a_tracker(table, name):
    check.main([*TABLE, "model=linear", f"logger={name}"])
    assert sorted(path.name for path in Path().iterdir()) == ["t.csv"]


@pytest.mark.slow
def test_a_search_looks_at_its_first_batch(table):
    space = ["optimizer.lr=interval(1e-3,1e-2)", "hydra/sweeper=search"]
    with pytest.raises(ConfigError, match="class_weights"):
        multirun([*TABLE, "model=linear", *space, "task.class_weights=[1]"])
    assert not Path("runs").exists()


OWN = """import os
from lepton.model.linear import Linear

class Own(Linear):
    def __init__(self, **values):
        super().__init__(**values)
        open("built", "a").write("once")
"""
STRATEGY = """from lepton.finetune.machinery.phase_plan import HeadPlan
from lepton.method import Method

class HeadOfPhases(Method):
    def phases(self):
        return [HeadPlan(standardize=True)]
"""


@pytest.mark.slow
def test_only_check_runs_code_of_the_users_own(table, monkeypatch):
    Path("conf/model").mkdir(parents=True)
    Path("mine_to_look_at.py").write_text(OWN)
    Path("conf/model/own.yaml").write_text("_target_: mine_to_look_at.Own\n")
    monkeypatch.syspath_prepend(str(Path.cwd()))
    allow("mine_to_look_at")
    words = [*TABLE, "model=own", "dataset.target=z"]
    jobs = plan_runs(words, sweep=True).jobs
    look_at_jobs(jobs)
    with pytest.raises(ConfigError, match="no column 'z'"):
        look_at_jobs(jobs, own_code=True)
    look_at_jobs(plan_runs([*TABLE, "model=own"], sweep=True).jobs, own_code=True)
    assert Path("built").read_text() == "once"


@pytest.mark.slow
def test_phases_that_a_strategy_says_wrongly_are_told_by_check(table, monkeypatch):
    multirun([*TABLE, "model=mlp_small", "logger=none", "study=source"])
    Path("mine_to_tune.py").write_text(STRATEGY)
    Path("conf/finetune").mkdir(parents=True)
    Path("conf/finetune/own.yaml").write_text("_target_: mine_to_tune.HeadOfPhases\n")
    monkeypatch.syspath_prepend(str(Path.cwd()))
    allow("mine_to_tune")
    with pytest.raises(ConfigError, match="HeadOfPhases has `probes = False`, which is to be True"):
        check.main([*TABLE, "model=mlp_small", "init_from=source", "finetune=own"])


@pytest.mark.slow
def test_an_error_that_is_no_mistake_is_told_in_a_line_and_left_to_the_run(
    table, monkeypatch, caplog
):
    def fail(*_, **__):
        raise RuntimeError("Symlink loop\nfrom 'a'")

    words = [*TABLE, "model=linear,mlp_small", "dataset.split=random,stratified"]
    jobs = plan_runs(words, sweep=True).jobs
    monkeypatch.setattr("lepton.model.mlp.MLP.named_parameters", fail)
    look_at_jobs(jobs)
    line = (
        "a first look ended with {}RuntimeError: Symlink loop from 'a' (the run itself tells more)"
    )
    (told,) = (message for message in caplog.messages if message.startswith("a first look"))
    assert told.startswith("a first look ended with ")
    assert "model=mlp_small" in told
    assert told.endswith("(and 1 more): " + line.partition("{}")[2])
    caplog.clear()
    monkeypatch.setattr(build, "unread_data", fail)
    look_at_jobs(jobs)
    assert caplog.messages == [line.format("")]


@pytest.mark.slow
def test_data_are_read_once_for_all_seeds_and_not_for_what_a_finished_run_shows(table, readings):
    multirun([*TABLE, "model=linear", "seed=0,1,2", "hydra/launcher=basic"])
    assert readings == [0, 0, 1, 2]
    readings.clear()
    multirun([*TABLE, "model=linear", "seed=0,1,2,3", "hydra/launcher=basic"])
    assert readings == [3]


@pytest.mark.slow
def test_a_run_whose_result_is_unreadable_is_no_finished_one(table, capsys):
    words = [*TABLE, "model=linear", "seed=0,1", "hydra/launcher=basic"]
    multirun(words)
    first = sorted(Path("runs/default").glob("*-s0-*/result.json"))[0]
    first.write_text("{")
    check.main(["-m", *words])
    out = capsys.readouterr().out
    assert "2 runs: 1 finished, 1 unreadable, 0 to train" in out
    with pytest.raises(FailedRuns, match=r"1 of 2 runs cannot be read\n.*seed=0.*result.json"):
        multirun(words)
    multirun([*words, "rerun=true"])


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [60.0, -1.0])
def test_a_strategy_that_finds_nothing_in_a_network_is_told_however_long_the_look_takes(
    table, seconds, monkeypatch
):
    words = [*TABLE, "model=mlp_small", "logger=none"]
    multirun([*words, "study=source"])
    monkeypatch.setattr(preflight, "MAX_SECONDS", seconds)
    tuning = ["init_from=source", "finetune=head,norm,prompt", "dataset.shots=4,8", "seed=0,1"]
    with pytest.raises(ConfigError) as error:
        multirun([*words, *tuning, "study=tuned"])
    norm, prompt = error.value.problems
    assert "finetune=norm: MLP has no normalization layer with parameters below its head" in norm
    assert "finetune=prompt: MLP reads no tokens of a transformer" in prompt
    assert not Path("runs", "tuned").exists()
