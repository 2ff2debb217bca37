"""Keys that only some trials have are drawn by Optuna where their condition holds."""

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from lepton.errors import ConfigError
from lepton.sweep.multirun import multirun, plan_runs
from tests.sweep.conftest import SEARCH, score

SPACE = (
    "optimizer=adamw,sgd",
    "model.dropout=interval(0,0.5)",
    "optimizer.momentum=interval(0.1,0.9)",
    "optimizer.lr=0.02",
)
WHEN = "hydra.sweeper.when={optimizer.momentum:'optimizer == sgd and model.dropout > 0.1'}"
SIZE = ("hydra.sweeper.n_trials=8", "hydra.sweeper.batch=2")
STARTUP = "hydra.sweeper.sampler.n_startup_trials=3"
ALWAYS = {
    "model.dropout": FloatDistribution(0, 0.5),
    "optimizer": CategoricalDistribution(("adamw", "sgd")),
}
pytestmark = pytest.mark.filterwarnings("ignore")


def trial_point(config):
    optimizer = config["choices"]["optimizer"]
    momentum = config["optimizer"].get("momentum") if optimizer == "sgd" else None
    return optimizer, config["model"]["dropout"], momentum


def value(point):
    config = {"optimizer": {"lr": 0.02}, "model": {"dropout": point[1]}, "seed": 0}
    return score({**config, "choices": {"optimizer": point[0]}})


def optuna_alone(sgd_momentum):
    """What Optuna's own define-by-run search proposes."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(
        seed=0, multivariate=True, constant_liar=True, n_startup_trials=3
    )
    study, points = optuna.create_study(direction="maximize", sampler=sampler), []
    while len(points) < 8:
        asked = []
        for _ in range(2):
            trial = study.ask(ALWAYS)
            optimizer, dropout = trial.params["optimizer"], trial.params["model.dropout"]
            momentum = sgd_momentum if optimizer == "sgd" else None
            if optimizer == "sgd" and dropout > 0.1:
                momentum = trial.suggest_float("optimizer.momentum", 0.1, 0.9)
            asked.append((trial, (optimizer, dropout, momentum)))
        for trial, point in asked:
            points.append(point)
            study.tell(trial, value(point))
    return points


@pytest.mark.slow
def test_a_key_is_drawn_where_its_condition_holds(search, training):
    search(*SIZE, STARTUP, WHEN, space=SPACE)
    points = [trial_point(config) for config in training.configs]
    (default,) = plan_runs(["dataset=wine", "optimizer=sgd"], sweep=False).jobs
    assert points == optuna_alone(default.config["optimizer"]["momentum"])
    assert len({optimizer for optimizer, _, _ in points}) == 2


@pytest.mark.slow
def test_a_key_is_drawn_where_the_option_takes_it(search, training):
    space = (*SPACE[1:2], "optimizer.lr=0.02", "optimizer=adamw,sgd", SPACE[2])
    when = "hydra.sweeper.when={optimizer.momentum:exists}"
    assert len(search(*SIZE, when, space=space)) == 8
    momenta = {trial_point(config)[2] for config in training.configs}
    assert None in momenta
    assert len(momenta) > 2
    with pytest.raises(ConfigError, match=r"optimizer\.momentum: optimizer=adamw has no such key"):
        search(*SIZE, space=space)


@pytest.mark.slow
def test_runs_with_and_without_the_key_are_told(search, training, caplog):
    caplog.set_level("INFO", "lepton")
    words = ["dataset=wine", "model=mlp_small", "hydra/launcher=basic", "optimizer.lr=0.02"]
    multirun([*words, "optimizer=adamw", "model.dropout=0.2,0.3"])
    multirun([*words, "optimizer=sgd", "model.dropout=0.3", "optimizer.momentum=0.2,0.95"])
    search("hydra.sweeper.n_trials=1", WHEN, space=SPACE)
    assert "told to the sampler: 3 finished runs" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["when={model.width:exists}"],
            "when: model.width is not searched; did you mean 'model.dropout'?",
        ),
        (["when=3"], "when: 3 is not {KEY: CONDITION}, as {model.dropout: 'model == mlp'}"),
        (
            ["when={optimizer.momentum:'modle == mlp'}"],
            "when.optimizer.momentum: 'modle == mlp': 'modle == mlp' names no key of a run; did "
            "you mean 'model'?",
        ),
    ],
)
def test_mistakes_are_one_line(here, words, message):
    space = [*SEARCH, *SPACE, *(f"hydra.sweeper.{word}" for word in words)]
    with pytest.raises(ConfigError) as error:
        plan_runs(space, sweep=True)
    assert f"hydra.sweeper.{message}" in error.value.problems


@pytest.mark.slow
def test_the_preview_says_where_a_key_is_drawn(here):
    plan = plan_runs([*SEARCH, *SPACE, WHEN], sweep=True)
    line = "  optimizer.momentum: 0.1 to 0.9, where optimizer == sgd and model.dropout > 0.1"
    assert line in str(plan).splitlines()
