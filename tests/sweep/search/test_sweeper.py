"""A search proposes what Optuna alone would, however often it is killed, and tells it the runs."""

import math

import optuna
import pandas as pd
import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution, FloatDistribution
from threadpoolctl import threadpool_info, threadpool_limits

from lepton import load
from lepton.errors import FailedRuns
from lepton.sweep.search.proposals import Proposals, quiet_optuna
from lepton.sweep.search.space import read_space
from tests.quick import quick
from tests.sweep.conftest import point

TRIALS, BATCH = 8, 3
SIZE = (f"hydra.sweeper.n_trials={TRIALS}", f"hydra.sweeper.batch={BATCH}")
GRID = {
    "model.dropout": [0.1, 0.2],
    "optimizer": ["adam", "adamw"],
    "optimizer.lr": [0.1, 0.01, 0.001],
}
DISTRIBUTIONS = {  # in the order of their names
    "model.dropout": FloatDistribution(0, 0.5),
    "optimizer": CategoricalDistribution(("adam", "adamw")),
    "optimizer.lr": FloatDistribution(1e-4, 1e-1, log=True),
}
SAMPLERS = {
    "tpe": lambda: optuna.samplers.TPESampler(seed=0, multivariate=True, constant_liar=True),
    "random": lambda: optuna.samplers.RandomSampler(seed=0),
    "cmaes": lambda: optuna.samplers.CmaEsSampler(seed=0, warn_independent_sampling=False),
    "gp": lambda: optuna.samplers.GPSampler(seed=0, n_startup_trials=4),
    "nsgaii": lambda: optuna.samplers.NSGAIISampler(seed=0, population_size=4),
    "qmc": lambda: optuna.samplers.QMCSampler(
        seed=0, scramble=True, warn_independent_sampling=False, warn_asynchronous_seeding=False
    ),
}
FURTHER = {
    "gp": ["hydra.sweeper.sampler.n_startup_trials=4"],
    "nsgaii": ["hydra.sweeper.sampler.population_size=4"],
}
NAME = "hydra/sweeper/sampler"
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


def hill(params):
    distance = math.log10(params["optimizer.lr"]) + 2
    penalty = 0.1 if params["optimizer"] == "adamw" else 0.0
    return -(distance**2) - (params["model.dropout"] - 0.2) ** 2 - penalty - 0.01 * 0


def plain_loop(sampler, trials=TRIALS, failed=()):
    """What Optuna alone proposes in batches; trials whose number is in `failed` are told so."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study, points = optuna.create_study(direction="maximize", sampler=sampler), []
    while len(points) < trials:
        batch = [study.ask(DISTRIBUTIONS) for _ in range(min(BATCH, trials - len(points)))]
        for trial in batch:
            params = trial.params
            points.append((params["optimizer"], params["optimizer.lr"], params["model.dropout"]))
            if trial.number in failed:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, hill(params))
    return points


@pytest.mark.parametrize("name", quick(SAMPLERS, "tpe", "qmc"))
def test_every_sampler_proposes_what_optuna_alone_would(name, search):
    overrides = ["optimizer=adam,adamw", f"{NAME}={name}", *SIZE, *FURTHER.get(name, [])]
    assert search(*overrides) == plain_loop(SAMPLERS[name]())


@pytest.mark.slow
def test_the_order_of_the_words_changes_nothing(search, training):
    first = search("optimizer=adam,adamw", *SIZE)
    assert search("optimizer=adam,adamw", *SIZE, "study=two", space=reversed_space()) == first
    assert len(first) == TRIALS


def reversed_space():
    return ("model.dropout=interval(0,0.5)", "optimizer.lr=tag(log,interval(1e-4,1e-1))")


@pytest.mark.slow
def test_a_grid_is_gone_through_once_and_then_ends(search, capsys):
    space = [f"{k}={','.join(map(str, v))}" for k, v in GRID.items()]
    points = search(f"{NAME}=grid", "hydra.sweeper.n_trials=99", SIZE[1], space=space)
    assert len(points) == len({*points}) == 12
    assert {p[1:] for p in points} == {(lr, d) for lr in (0.1, 0.01, 0.001) for d in (0.1, 0.2)}
    assert "12 trials looked at: 12 finished" in capsys.readouterr().out
    assert search(f"{NAME}=grid", "hydra.sweeper.n_trials=99", space=space) == []


@pytest.mark.slow
def test_ranges_are_whole_numbers_or_the_fractions_that_a_grid_would_train(search, training):
    space = ["model.dropout=range(0,0.5,0.1)", "optimizer.lr=0.01", "batch_size=range(8,33,8)"]
    search(f"{NAME}=random", "hydra.sweeper.n_trials=40", "hydra.sweeper.batch=40", space=space)
    assert {c["model"]["dropout"] for c in training.configs} == {0.0, 0.1, 0.2, 0.3, 0.4}
    assert {c["batch_size"] for c in training.configs} == {8, 16, 24, 32}
    assert len(training.configs) <= 20


@pytest.mark.slow
def test_a_point_proposed_again_is_told_again_without_a_second_training(search, capsys):
    space = ["model.dropout=0.1,0.2", "optimizer.lr=0.01"]
    assert len(search("hydra.sweeper.n_trials=9", SIZE[1], space=space)) == 2
    assert "9 trials looked at: 9 finished" in capsys.readouterr().out


def table(name):
    frame = load(name).sort_values("run", ignore_index=True)
    return frame.drop(columns=["folder", "study"])


def shown_trials(capsys):
    """The last lines of what is shown, from the number of trials on."""
    out = capsys.readouterr().out
    return out[out.index("trials looked at") :].replace("study=two ", "study=one ")


SLOW_CASES = [("tpe", range(TRIALS)), ("nsgaii", [5]), ("cmaes", [4]), ("gp", [6])]


@pytest.mark.parametrize(
    ("name", "kills"),
    [("tpe", [1, 5]), *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW_CASES)],
)
def test_a_search_killed_after_any_run_ends_as_one_that_was_not(
    name, kills, search, training, capsys
):
    overrides = ["optimizer=adam,adamw", *SIZE, f"{NAME}={name}", *FURTHER.get(name, [])]
    uninterrupted, summary = search(*overrides, "study=one"), shown_trials(capsys)
    for number in kills:
        training.stop_after = TRIALS + number
        with pytest.raises(KeyboardInterrupt):
            search(*overrides, "study=two")
        assert len(training.configs) == TRIALS + number
    training.stop_after = math.inf
    search(*overrides, "study=two")
    assert [point(c) for c in training.configs[TRIALS:]] == uninterrupted
    assert shown_trials(capsys) == summary
    pd.testing.assert_frame_equal(table("one"), table("two"))


@pytest.mark.slow
def test_a_search_that_is_finished_trains_nothing_and_goes_on_when_enlarged(search):
    first = search("optimizer=adam,adamw", *SIZE)
    assert search("optimizer=adam,adamw", *SIZE) == []
    more = search("optimizer=adam,adamw", SIZE[1], "hydra.sweeper.n_trials=13")
    assert first + more == plain_loop(SAMPLERS["tpe"](), 13)


@pytest.mark.slow
def test_a_failed_trial_is_told_as_failed_at_every_start(search, training, capsys):
    failed = plain_loop(SAMPLERS["tpe"]())[1]
    training.fail = lambda config: point(config) == failed
    with pytest.raises(FailedRuns, match="1 of 8 trials failed") as e:
        search("optimizer=adam,adamw", *SIZE)
    assert f"lr={failed[1]}" in str(e.value)
    assert "no luck" in str(e.value)
    expected = plain_loop(SAMPLERS["tpe"](), failed=[1])
    assert [point(c) for c in training.configs] == expected
    training.fail = lambda config: False
    with pytest.raises(FailedRuns):
        search("optimizer=adam,adamw", SIZE[1], "hydra.sweeper.n_trials=10")
    assert [point(c) for c in training.configs] == plain_loop(SAMPLERS["tpe"](), 10, failed=[1])
    assert "10 trials looked at: 9 finished, 1 failed" in capsys.readouterr().out


@pytest.mark.slow
def test_retried_and_then_fine_a_trial_is_told_with_its_value(search, training):
    overrides, failed = ["optimizer=adam,adamw", *SIZE], plain_loop(SAMPLERS["tpe"]())[7]
    training.fail = lambda config: point(config) == failed
    with pytest.raises(FailedRuns):
        search(*overrides)
    with pytest.raises(FailedRuns):
        search(*overrides, "hydra.sweeper.retry_failed=true")
    assert len(training.configs) == TRIALS + 1
    training.fail = lambda config: False
    assert search(*overrides, "hydra.sweeper.retry_failed=true") == [failed]
    more = search("optimizer=adam,adamw", SIZE[1], "hydra.sweeper.n_trials=10")
    assert more == plain_loop(SAMPLERS["tpe"](), 10)[8:]


@pytest.mark.slow
def test_a_diverged_trial_is_no_best_and_no_failure_of_the_search(search, training, capsys):
    first = plain_loop(SAMPLERS["tpe"]())[0]
    training.diverge = lambda config: point(config) == first
    search("optimizer=adam,adamw", *SIZE, "hydra.sweeper.retry_failed=true")
    assert "8 trials looked at: 7 finished, 1 diverged" in capsys.readouterr().out
    assert search("optimizer=adam,adamw", *SIZE, "hydra.sweeper.retry_failed=true") == []
    expected = plain_loop(SAMPLERS["tpe"](), failed=[0])
    assert [point(c) for c in training.configs] == expected


@pytest.mark.slow
def test_all_trials_are_trained_again_when_asked_to_and_are_the_same(search):
    first = search("optimizer=adam,adamw", *SIZE)
    assert search("optimizer=adam,adamw", *SIZE, "rerun=true") == first
    assert search("optimizer=adam,adamw", *SIZE) == []


@pytest.mark.slow
def test_the_number_of_threads_changes_no_proposal(here):
    proposed = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        space = read_space(OverridesParser.create(), ["optimizer=a,b", "x=interval(0,1)"])
        node = {"_target_": "optuna.samplers.GPSampler", "seed": 0, "n_startup_trials": 3}
        proposals = Proposals(space, sampler=node, directions=["maximize"])
        for _ in range(6):
            (proposal,) = proposals.ask(1)
            proposals.tell(proposal.number, "finished", [proposal.params["x"]], [])
        proposed.append([trial.params for trial in proposals.trials])
        assert torch.get_num_threads() == threads
    torch.set_num_threads(1)
    assert proposed[0] == proposed[1]


def test_every_library_that_has_threads_proposes_in_one_of_them():
    with threadpool_limits(2):
        before = threadpool_info()
        for _ in range(2):
            with quiet_optuna():
                assert {pool["num_threads"] for pool in threadpool_info()} == {1}
            assert threadpool_info() == before
    assert any(pool["num_threads"] == 2 for pool in before)


@pytest.mark.slow
def test_optuna_says_nothing_of_its_own(search, capfd, recwarn):
    search(f"{NAME}=gp", *SIZE, *FURTHER["gp"])
    assert not [w for w in recwarn if "optuna" in str(w.category) or "optuna" in w.filename]
    assert "[I " not in capfd.readouterr().err


@pytest.mark.slow
def test_progress_counts_the_runs_of_all_batches_and_those_there_already(search, caplog):
    caplog.set_level("INFO", "lepton")
    expected = {4: ["[1/4]", "[2/4]", "[3/4]", "[4/4]"], 7: ["[1/3]", "[2/3]", "[3/3]"]}
    for trials, numbers in expected.items():
        caplog.clear()
        search(f"hydra.sweeper.n_trials={trials}", "hydra.sweeper.batch=2")
        first_words = [record.getMessage().split()[0] for record in caplog.records]
        assert [word for word in first_words if word.startswith("[")] == numbers
