"""Every mistake in a search is one clear line, before anything is written."""

import sys
from pathlib import Path

import pytest

SEARCH = ("train", "-m", "hydra/sweeper=search", "dataset=wine", "model=mlp_small")
LR = "optimizer.lr=tag(log,interval(1e-4,1e-1))"
SAMPLER, PRUNER = "hydra/sweeper/sampler", "hydra/sweeper/pruner"
SPACES = {
    "optimizer.lr=interval(0.1,0.01)": "the lower bound 0.1 is above the upper bound 0.01",
    "optimizer.lr=tag(log,interval(0,0.1))": "a log scale needs a lower bound above 0, not 0",
    "optimizer.lr=tag(log,interval(-1,0.1))": "a log scale needs a lower bound above 0, not -1",
    "optimizer.lr=interval(0,inf)": "a bound is not a finite number",
    "optimizer.lr=interval(nan,1)": "a bound is not a finite number",
    "optimizer.lr=tag(lgo,interval(0.1,1))": "no such tag 'lgo'; there is log",
    "optimizer.lr=tag(log,choice(0.1,1))": "log is for interval and range, not for choices",
    "optimizer.lr=tag(log,range(0.1,1,0.1))": "a log range has no step; use interval",
    "batch_size=tag(log,range(0,9))": "a log scale needs a lower bound above 0, not 0",
    "batch_size=tag(log,range(8,32,8))": "a log range has no step",
    "batch_size=range(9,3)": "holds no value",
    "batch_size=range(1,9,0)": "range() arg 3 must not be zero",
    "optimizer.lr=choice()": "empty choice is not legal",
    "optimizer.lr=interval(1)": "missing a required argument: 'end'",
    "optimizer.lr=interval(a,1)": "mismatch type argument start",
}
SETTINGS = {
    "optimizer.rl=interval(0,1)": "optimizer.rl: optimizer=adamw has no such key",
    "model.hiden=interval(0,1)": "model.hiden: model=mlp_small has no such key; did you mean",
    "batch_size=interval(8,32)": "batch_size: 8.0 is not int",
    "batch_size=range(0,9)": "batch_size: 0 is too small",
    "optimizer=adam,adamm": "optimizer=adamm: no such option; did you mean 'adam'?",
    "seed=1,2": "seed: cannot be searched: hydra.sweeper.seeds=3 trains every trial with three",
    "seed=range(3)": "seed: cannot be searched",
    "study=a,b": "study: cannot be searched: it changes nothing that is scored",
    "runs=a,b": "runs: cannot be searched",
    "logger=none,csv": "logger: cannot be searched",
    "rerun=true,false": "rerun: cannot be searched",
    "trainer.progress=true,false": "trainer.progress: cannot be searched",
    "dataset=wine,breast_cancer": "dataset: cannot be searched: scores of different data",
    "dataset.fold=0,1": "dataset.fold: cannot be searched: the best fold is luck",
    "dataset.split_seed=0,1": "dataset.split_seed: cannot be searched",
    "task.monitor=auroc,log_loss": "task.monitor: cannot be searched",
    "search=mlp,resnet": "search: cannot be searched: one space a search",
    "search=mpl": "search=mpl: no such option; did you mean 'mlp'?",
    "hydra.sweeper.n_trials=0": "hydra.sweeper.n_trials: 0 is not a whole number of at least 1",
    "hydra.sweeper.n_trials=many": "hydra.sweeper.n_trials: 'many' is not a whole number",
    "hydra.sweeper.batch=0": "hydra.sweeper.batch: 0 is not a whole number of at least 1",
    "hydra.sweeper.seeds=0": "hydra.sweeper.seeds: 0 is not a whole number of at least 1",
    "hydra.sweeper.retry_failed=yes_": "hydra.sweeper.retry_failed: 'yes_' is not true or false",
    "hydra.sweeper.n_trails=3": "n_trails",
    f"{SAMPLER}=tpee": f"{SAMPLER}=tpee: no such option; did you mean 'tpe'?",
    f"{PRUNER}=mediann": f"{PRUNER}=mediann: no such option; did you mean 'median'?",
    "hydra.sweeper.sampler=gp": f"'gp' is not an option; choose one with {SAMPLER}=NAME",
    "hydra.sweeper.sampler.seed=null": "hydra.sweeper.sampler.seed: None is not a whole number",
    "hydra.sweeper.sampler.n_startup_trials=few": "hydra.sweeper.sampler.n_startup_trials: 'few'",
    "+hydra.sweeper.sampler.sede=1": "hydra.sweeper.sampler.sede: TPESampler has no such key",
    "hydra.sweeper.sampler._target_=os.system": "'os.system' is not a plugin",
    "hydra.sweeper.objectives=[test/auroc]": "never looks at the test split; use val/auroc",
    "hydra.sweeper.objectives=[auroc]": "no such objective 'auroc'; did you mean 'val/auroc'?",
    "hydra.sweeper.objectives=[val/aurok]": "'val/aurok'; did you mean 'val/auroc'?",
    "hydra.sweeper.objectives=[]": "hydra.sweeper.objectives: [] is not a list of different names",
    "hydra.sweeper.objectives=score": "'score' is not a list of different names, as [score]",
    "hydra.sweeper.directions=[up]": "hydra.sweeper.directions: 'up' is not maximize or minimize",
    "hydra.sweeper.directions=[maximize,minimize]": "give one for each objective, or null",
}
COMBINATIONS = [
    (
        [f"{SAMPLER}=cmaes", "hydra.sweeper.objectives=[score,parameters]"],
        "hydra/sweeper/sampler=cmaes takes one; use nsgaii",
    ),
    ([f"{SAMPLER}=grid"], "an interval has no list of values for hydra/sweeper/sampler=grid"),
    (
        [f"{PRUNER}=median", "hydra.sweeper.seeds=2"],
        "hydra.sweeper.seeds: with several seeds a trial nothing is pruned",
    ),
    (
        [f"{PRUNER}=median", "hydra.sweeper.objectives=[val/auroc]"],
        "hydra.sweeper.objectives: pruning compares the score of each epoch",
    ),
    (
        [f"{PRUNER}=successive_halving", "hydra.sweeper.pruner.reduction_factor=1"],
        "SuccessiveHalvingPruner refuses its values: The value of `reduction_factor` is 1",
    ),
]


def one_line(lepton, *arguments):
    """The only line of stderr of a command that is refused and leaves nothing behind."""
    code, out, err = lepton(*arguments)
    assert (code, out) == (2, ""), err
    (line,) = err.splitlines()
    assert line.startswith("lepton: ")
    assert not Path("runs").exists()
    return line


@pytest.mark.parametrize("override", SPACES)
def test_a_space_that_makes_no_sense_is_refused_with_its_key(override, lepton):
    line = one_line(lepton, *SEARCH, override)
    assert line.startswith(f"lepton: {override}: ")
    assert SPACES[override] in line


@pytest.mark.slow
@pytest.mark.parametrize("override", SETTINGS)
def test_what_cannot_be_searched_or_set_is_told_in_one_line(override, lepton):
    space = [] if override.startswith("optimizer") else [LR]
    assert SETTINGS[override] in one_line(lepton, "check", *SEARCH[1:], *space, override)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "message"), COMBINATIONS, ids=lambda x: x[-1] if isinstance(x, list) else ""
)
def test_settings_that_cannot_go_together_are_told_in_one_line(overrides, message, lepton):
    assert message in one_line(lepton, *SEARCH, LR, *overrides)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["cmaes", "qmc"])
def test_a_sampler_of_numbers_refuses_a_space_of_choices(sampler, lepton):
    overrides = ["optimizer=adam,adamw", f"{SAMPLER}={sampler}"]
    line = one_line(lepton, *SEARCH, *overrides)
    assert "searches numbers and there are only choices (optimizer); use tpe" in line


def test_a_search_without_a_space_is_refused(lepton):
    assert "nothing to search; give key=interval(LOW,HIGH)" in one_line(lepton, *SEARCH)


def test_a_grid_names_the_search_when_it_is_given_an_interval(lepton):
    arguments = ["train", "-m", "dataset=wine", "model.dropout=interval(0,0.5)"]
    line = one_line(lepton, *arguments)
    assert line.startswith("lepton: model.dropout=interval(0,0.5): an interval has no list")
    assert line.endswith("hydra/sweeper=search looks for the best")


def test_all_mistakes_are_told_at_once(lepton):
    overrides = ["optimizer.lr=interval(1,0)", "model.dropout=tag(log,interval(0,1))"]
    code, _, err = lepton(*SEARCH, *overrides, "hydra.sweeper.batch=0", "seed=1,2")
    assert code == 2
    assert len(err.splitlines()) == 4


@pytest.mark.slow
def test_options_that_cannot_go_together_are_found_before_the_first_trial(lepton):
    overrides = ["optimizer=adamw,schedule_free_adamw", "scheduler=cosine"]
    line = one_line(lepton, *SEARCH, *overrides)
    assert "a schedule-free optimizer takes the place of a schedule" in line


@pytest.mark.parametrize("command", ["train", "check"])
def test_without_optuna_the_extra_is_named(command, lepton, monkeypatch):
    for name in [m for m in sys.modules if m == "optuna" or m.startswith("optuna.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "optuna", None)
    line = one_line(lepton, command, *SEARCH[1:], LR)
    assert line.endswith("needs Optuna; pip install 'lepton-experiments[sweeps]'")


@pytest.mark.slow
def test_without_a_samplers_package_the_extra_is_named(lepton, monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    line = one_line(lepton, *SEARCH, LR, f"{SAMPLER}=cmaes")
    assert "lepton-experiments[sweeps]" in line


@pytest.mark.slow
def test_an_objective_that_the_task_does_not_have_is_told(training, search):
    from lepton.errors import ConfigError

    with pytest.raises(ConfigError, match=r"objectives: .* has no 'val/rmse' \(has: val/auroc"):
        search("hydra.sweeper.objectives=[val/rmse]", "hydra.sweeper.n_trials=2")
