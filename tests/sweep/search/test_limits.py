"""Constraints, patience and a limit of time: each against what Optuna or brute force says."""

import math

import optuna
import pytest
from optuna.distributions import FloatDistribution

from lepton.errors import ConfigError
from lepton.sweep.multirun import plan_runs
from lepton.sweep.search.patience import trials_without_gain
from tests.sweep.conftest import SEARCH, SPACE, point, score

STARTUP = "hydra.sweeper.sampler.n_startup_trials=3"
DISTRIBUTIONS = {
    "model.dropout": FloatDistribution(0, 0.5),
    "optimizer.lr": FloatDistribution(1e-4, 1e-1, log=True),
}
BOUND = "hydra.sweeper.constraints='parameters <= 50'"  # the stand-in has 10 000 a unit of rate
pytestmark = pytest.mark.filterwarnings("ignore")


def hill(rate, dropout):
    return -((math.log10(rate) + 2) ** 2) - (dropout - 0.2) ** 2


def optuna_alone(trials, batch, bound):
    """What Optuna's sampler proposes when it is told of a constraint by its own means."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(
        seed=0,
        multivariate=True,
        constant_liar=True,
        n_startup_trials=3,
        constraints_func=lambda t: (int(1e4 * t.params["optimizer.lr"]) - bound,),
    )
    study, points = optuna.create_study(direction="maximize", sampler=sampler), []
    while len(points) < trials:
        for trial in [study.ask(DISTRIBUTIONS) for _ in range(batch)]:
            points.append((trial.params["optimizer.lr"], trial.params["model.dropout"]))
            study.tell(trial, hill(*points[-1]))
    return points


def test_the_sampler_is_told_of_constraints_and_the_best_keeps_them(search, capsys):
    size = ("hydra.sweeper.n_trials=8", "hydra.sweeper.batch=2", STARTUP)
    proposed = [p[1:] for p in search(*size, BOUND)]
    assert proposed == optuna_alone(8, 2, 50)
    assert proposed != optuna_alone(8, 2, math.inf)
    kept = [p for p in proposed if int(1e4 * p[0]) <= 50]
    assert 0 < len(kept) < 8
    out = capsys.readouterr().out
    best = max(kept, key=lambda p: hill(*p))
    assert f"optimizer.lr={best[0]!r}" in out[out.index("best:") :]
    assert f"{8 - len(kept)} finished on" in out


@pytest.mark.slow
def test_runs_told_at_the_start_keep_constraints_or_not(search, training, capsys):
    search("hydra.sweeper.n_trials=4", "hydra.sweeper.batch=2", STARTUP)
    search("hydra.sweeper.n_trials=1", STARTUP, "hydra.sweeper.constraints=['parameters <= 0.5']")
    out = capsys.readouterr().out
    assert "best:" not in out[out.rindex("trials looked at") :]


@pytest.mark.slow
def test_patience_ends_a_search_at_a_batch_without_gain(search, training, capsys):
    training.curve = lambda config, epoch: -float(len(training.configs))  # each worse
    size = ("hydra.sweeper.n_trials=40", "hydra.sweeper.batch=2", "hydra.sweeper.patience=5")
    assert len(search(*size)) == 6  # one gain, five without, a whole number of batches
    assert "ended by patience: no gain in the last 5 trials" in capsys.readouterr().out
    assert search(*size) == []
    plan = plan_runs([*SEARCH, *SPACE, *size], sweep=True)
    assert plan.to_do == []
    assert "trials: 6 there, nothing to train" in str(plan)
    assert len(search(*size[:2], "hydra.sweeper.patience=7")) == 2  # it goes on


def brute_force(before, trials, better):
    since = 0
    seen = [*before]
    for values in trials:
        is_gain = values is not None and all(better(values, other) for other in seen)
        since = 0 if is_gain else since + 1
        seen += [values] if values is not None else []
    return since


@pytest.mark.parametrize("seed", range(20))
def test_trials_without_gain_are_counted_as_by_brute_force(seed):
    import random

    draw = random.Random(seed)
    values = [draw.choice([None, (draw.randint(0, 9), draw.randint(0, 9))]) for _ in range(12)]
    before = [(draw.randint(0, 5), draw.randint(0, 5))]
    one = [value and value[:1] for value in values]
    assert trials_without_gain([before[0][:1]], one, ["minimize"]) == brute_force(
        [before[0][:1]], one, lambda a, b: a[0] < b[0]
    )
    assert trials_without_gain(before, values, ["maximize", "minimize"]) == brute_force(
        before, values, lambda a, b: a[0] > b[0] or a[1] < b[1]
    )


@pytest.mark.slow
def test_no_run_starts_that_the_budget_does_not_last_for_and_more_of_it_goes_on(
    search, training, monkeypatch, caplog, capsys
):
    caplog.set_level("INFO", "lepton")
    monkeypatch.setattr("lepton.sweep.budget.monotonic", lambda: 10.0 * len(training.configs))
    size = ("hydra.sweeper.n_trials=6", "hydra.sweeper.batch=3")
    first = search(*size, "budget=45s")
    assert len(first) == 4  # each takes 10 s, and there are 5 s for the fifth
    out = capsys.readouterr().out
    assert "3 of 6 trials" in out
    assert "budget: 0:40 of 0:45 used; 2 runs not started" in out
    assert search(*size, "budget=45s") == []
    rest = search(*size)
    assert first + rest == [point(c) for c in training.configs]
    assert len(first + rest) == len({*first, *rest}) == 6
    training.configs.clear()
    assert [*search(*size, "study=whole")] == first + rest
    assert score(training.configs[0]) < 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("patience=0", "patience: 0 is neither null nor a whole number from 1"),
        ("patience=2.5", "patience: 2.5 is neither null nor a whole number from 1"),
        ("warm_start=3", "warm_start: 3 is not true or false"),
        (
            "constraints='parameters < 3'",
            "constraints: 'parameters < 3' is not NAME <= NUMBER or NAME >= NUMBER, as "
            "parameters <= 1e5",
        ),
        (
            "constraints=['test/auroc >= 0.5']",
            "constraints: test/auroc: a search never looks at the test split; use val/auroc",
        ),
        (
            "constraints='paramters <= 3'",
            "constraints: no such objective 'paramters'; did you mean 'parameters'? (score, "
            "parameters, trainable, seconds, epochs, or val/METRIC)",
        ),
        (
            "constraints=3",
            "constraints: 3 is not NAME <= NUMBER or NAME >= NUMBER, as parameters <= 1e5",
        ),
    ],
)
def test_mistakes_are_one_line(here, word, message):
    with pytest.raises(ConfigError) as error:
        plan_runs([*SEARCH, *SPACE, f"hydra.sweeper.{word}"], sweep=True)
    assert str(error.value) == f"hydra.sweeper.{message}"
