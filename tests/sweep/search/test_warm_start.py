"""Finished runs of the study that lie in the space are told to the sampler, once at the start."""

import json
import math
import shutil

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from lepton.errors import LeptonError
from lepton.sweep.multirun import multirun, plan_runs
from tests.sweep.conftest import SEARCH, SPACE, point

DISTRIBUTIONS = {
    "model.dropout": FloatDistribution(0, 0.5),
    "optimizer": CategoricalDistribution(("adam", "adamw")),
    "optimizer.lr": FloatDistribution(1e-4, 1e-1, log=True),
}
GRID = [(o, lr, p) for lr in (0.1, 0.01) for p in (0.1, 0.4) for o in ("adam", "adamw")]
STARTUP = "hydra.sweeper.sampler.n_startup_trials=3"  # so that what is told decides
SIZE = ("optimizer=adam,adamw", "hydra.sweeper.n_trials=4", "hydra.sweeper.batch=2", STARTUP)
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


def hill(optimizer, rate, dropout):
    penalty = 0.1 if optimizer == "adamw" else 0.0
    return -((math.log10(rate) + 2) ** 2) - (dropout - 0.2) ** 2 - penalty


@pytest.fixture(scope="module")
def kept_grid(tmp_path_factory):
    return tmp_path_factory.mktemp("grid") / "runs"


@pytest.fixture
def grid(training, kept_grid):
    """Eight finished runs in the space, and two that lie outside of it; a copy for each test."""
    if kept_grid.exists():
        shutil.copytree(kept_grid, "runs")
        return
    words = ["dataset=wine", "model=mlp_small", "hydra/launcher=basic"]
    multirun([*words, "optimizer=adam,adamw", "optimizer.lr=0.1,0.01", "model.dropout=0.1,0.4"])
    multirun([*words, "optimizer=adam", "model.dropout=0.7"])  # beyond the interval
    multirun([*words, "optimizer=adam", "batch_size=17"])  # another key differs
    training.configs.clear()
    shutil.copytree("runs", kept_grid)


def optuna_alone(sampler, told, trials=4, batch=2):
    """What Optuna alone proposes after it was told of points and their values."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for optimizer, rate, dropout in told:
        params = {"optimizer": optimizer, "optimizer.lr": rate, "model.dropout": dropout}
        study.add_trial(
            optuna.trial.create_trial(
                params=params, distributions=DISTRIBUTIONS, value=hill(optimizer, rate, dropout)
            )
        )
    points = []
    while len(points) < trials:
        asked = [study.ask(DISTRIBUTIONS) for _ in range(batch)]
        for trial in asked:
            p = trial.params
            points.append((p["optimizer"], p["optimizer.lr"], p["model.dropout"]))
            study.tell(trial, hill(*points[-1]))
    return points


def tpe():
    return optuna.samplers.TPESampler(
        seed=0, multivariate=True, constant_liar=True, n_startup_trials=3
    )


def by_name(study, **fixed):
    """The points of the grid in the order of the names of their runs."""
    record = json.loads((study() / "searches.json").read_text())["searches"]
    (entry,) = record.values()
    assert [name for name, *_ in entry["told"]] == sorted(name for name, *_ in entry["told"])
    return [
        tuple({**fixed, **params}[key] for key in ("optimizer", "optimizer.lr", "model.dropout"))
        for _, params, *_ in entry["told"]
    ]


@pytest.mark.slow
def test_the_sampler_is_told_what_a_grid_has_found(grid, search, study, caplog, capsys):
    caplog.set_level("INFO", "lepton")
    proposed = search(*SIZE)
    assert "told to the sampler: 8 finished runs of the study in the space" in caplog.text
    assert {*by_name(study)} == {*GRID}
    assert proposed == optuna_alone(tpe(), by_name(study))
    assert proposed != optuna_alone(tpe(), [])
    best = max([*GRID, *proposed], key=lambda p: hill(*p))
    line = next(line for line in capsys.readouterr().out.splitlines() if line[:5] == "best:")
    assert f"score {hill(*best):.6g}" in line
    assert f"optimizer.lr={best[1]!r}" in line


@pytest.mark.slow
def test_gp_is_told_too(grid, search, study):
    node = "hydra/sweeper/sampler"
    proposed = search(*SIZE[:3], f"{node}=gp", STARTUP)
    gp = optuna.samplers.GPSampler(seed=0, n_startup_trials=3)
    assert proposed == optuna_alone(gp, by_name(study))


@pytest.mark.slow
def test_cmaes_begins_with_the_numbers_of_what_it_is_told(training, search, study):
    words = ["dataset=wine", "model=mlp_small", "hydra/launcher=basic", "optimizer=adam"]
    multirun([*words, "optimizer.lr=0.1,0.01", "model.dropout=range(0,0.5,0.1)"])
    training.configs.clear()
    space = ("optimizer=adam", *SPACE)
    node = ["hydra/sweeper/sampler=cmaes", "hydra.sweeper.sampler.n_startup_trials=0"]
    proposed = search(*SIZE[1:3], *node, space=space)
    numbers = {key: d for key, d in DISTRIBUTIONS.items() if key != "optimizer"}
    source = [
        optuna.trial.create_trial(
            params={"optimizer.lr": rate, "model.dropout": dropout},
            distributions=numbers,
            value=hill(optimizer, rate, dropout),
        )
        for optimizer, rate, dropout in by_name(study, optimizer="adam")
    ]
    assert len(source) == 10
    sampler = optuna.samplers.CmaEsSampler(
        seed=0, n_startup_trials=0, source_trials=source, warn_independent_sampling=False
    )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    alone, expected = optuna.create_study(direction="maximize", sampler=sampler), []
    for _ in range(2):
        for trial in [alone.ask(numbers), alone.ask(numbers)]:
            point = ("adam", trial.params["optimizer.lr"], trial.params["model.dropout"])
            expected.append(point)
            alone.tell(trial, hill(*point))
    assert proposed == expected


@pytest.mark.slow
def test_a_search_that_is_killed_or_enlarged_is_told_the_same(grid, search, training, study):
    training.stop_after = 3
    with pytest.raises(KeyboardInterrupt):
        search(*SIZE)
    training.stop_after = math.inf
    multirun([*SEARCH[1:], "optimizer=adam", "optimizer.lr=0.02", "model.dropout=0.3"])  # later
    del training.configs[3:]
    search(*SIZE)
    search(*SIZE[:1], "hydra.sweeper.n_trials=8", *SIZE[2:])
    told = by_name(study)
    assert {*told} == {*GRID}
    assert [point(c) for c in training.configs] == optuna_alone(tpe(), told, 8)
    assert search(*SIZE) == []


@pytest.mark.slow
def test_what_is_told_can_be_left_out(grid, search):
    assert search(*SIZE, "hydra.sweeper.warm_start=false") == optuna_alone(tpe(), [])


@pytest.mark.slow
def test_a_sampler_that_does_not_learn_from_runs_is_told_none(grid, search, caplog):
    caplog.set_level("INFO", "lepton")
    proposed = search(*SIZE[:3], "hydra/sweeper/sampler=random")
    assert proposed == optuna_alone(optuna.samplers.RandomSampler(seed=0), [])
    assert "8 finished runs of the study in the space: RandomSampler does not learn" in caplog.text


@pytest.mark.slow
def test_points_lack_none_of_their_seeds(grid, search, study, caplog):
    caplog.set_level("INFO", "lepton")
    words = ["dataset=wine", "model=mlp_small", "hydra/launcher=basic", "seed=1", "optimizer=adam"]
    multirun([*words, "optimizer.lr=0.1,0.01", "model.dropout=0.1"])
    search(*SIZE, "hydra.sweeper.seeds=2")
    assert "told to the sampler: 2 points, 4 finished runs of the study" in caplog.text
    assert {*by_name(study)} == {("adam", 0.1, 0.1), ("adam", 0.01, 0.1)}


@pytest.mark.slow
def test_another_batch_is_said_to_be_another_search_and_is_told_of_the_first(search, caplog):
    caplog.set_level("INFO", "lepton")
    first = search(*SIZE)
    second = search(*SIZE[:2], "hydra.sweeper.batch=4", STARTUP)
    assert (
        "another search than the last one in this space (batch 4, not 2): other trials follow"
    ) in caplog.text
    assert "told to the sampler: 4 finished runs of the study in the space" in caplog.text
    assert not {*first} & {*second}
    caplog.clear()
    assert search(*SIZE) == []  # the first search is as it was
    assert "told" not in caplog.text
    assert "another search" not in caplog.text


@pytest.mark.slow
def test_a_search_begun_without_a_record_goes_on_as_it_began(search, study):
    first = search(*SIZE)
    (study() / "searches.json").unlink()  # as an earlier version left it
    assert search(*SIZE) == []
    more = search(*SIZE[:1], "hydra.sweeper.n_trials=6", *SIZE[2:])
    assert first + more == optuna_alone(tpe(), [], 6)


@pytest.mark.slow
def test_a_preview_says_how_many_and_writes_nothing(grid, study):
    plan = plan_runs([*SEARCH, *SPACE, *SIZE], sweep=True)
    assert "told to the sampler: 8 finished runs of the study in the space" in str(plan)
    assert not (study() / "searches.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"searches": 3}', '{"searches": {"x": 1}}', "[" * 9000],
)
def test_a_damaged_record_is_named(grid, search, study, text):
    (study() / "searches.json").write_text(text)
    with pytest.raises(LeptonError, match=r"searches\.json: not a record of lepton's searches"):
        search(*SIZE)


@pytest.mark.slow
def test_a_recorded_point_outside_of_the_space_is_damage(grid, search, study):
    search(*SIZE)
    path = study() / "searches.json"
    path.write_text(path.read_text().replace("adamw", "sgd"))
    with pytest.raises(LeptonError, match="not a record"):
        search(*SIZE)


@pytest.mark.slow
def test_fractions_ranges_and_lists_are_found_in_a_runs_config(training, search, caplog):
    caplog.set_level("INFO", "lepton")
    words = ["dataset=wine", "model=mlp_small", "hydra/launcher=basic"]
    multirun([*words, "model.dropout=range(0,0.5,0.1)", "model.hidden=[8],[4,4]", "batch_size=16"])
    space = ["model.dropout=range(0.1,0.4,0.1)", "model.hidden=[8],[9]", "batch_size=range(8,33,8)"]
    search("hydra.sweeper.n_trials=1", space=space)
    assert "told to the sampler: 3 finished runs" in caplog.text
