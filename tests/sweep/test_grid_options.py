"""Which combinations of a grid are runs: against all combinations, enumerated by brute force."""

import itertools
from collections import Counter

import pytest

from lepton.analysis.grouping import REPETITION_KEYS as COMPARED_REPETITIONS
from lepton.config.conditions import Condition, lookup_in
from lepton.errors import ConfigError
from lepton.stats.repetitions import SPLIT_KEYS
from lepton.sweep.drawing import REPETITION_KEYS, shuffled
from lepton.sweep.multirun import plan_runs

MODELS, RATES, SEEDS, FOLDS = ("linear", "mlp"), (0.1, 0.01), (0, 1, 2), (0, 1)
GRID = (
    "dataset=wine",
    "model=linear,mlp",
    "optimizer.lr=0.1,0.01",
    "seed=range(3)",
    "dataset.fold=0,1",
    "dataset.folds=2",
)
ALL = {*itertools.product(MODELS, RATES, SEEDS, FOLDS)}


def point(job):
    """A run as (model, rate, seed, fold)."""
    config = job.config
    choice, rate = config["choices"]["model"], config["optimizer"]["lr"]
    return choice, rate, config["seed"], config["dataset"]["fold"]


def points(*overrides, grid=GRID):
    """The runs of a grid as (model, rate, seed, fold), each once, and the lines of its plan."""
    plan = plan_runs([*grid, *overrides], sweep=True)
    listed = [point(job) for job in plan.jobs]
    assert len({*listed}) == len(listed)
    return {*listed}, str(plan).splitlines()[1:]


CONDITIONS = {
    "model == linear": lambda m, lr, s, f: m == "linear",
    "model != linear and optimizer.lr >= 0.1": lambda m, lr, s, f: m != "linear" and lr >= 0.1,
    "not (model in [mlp, resnet] or seed > 1)": lambda m, lr, s, f: (
        not (m in ("mlp", "resnet") or s > 1)
    ),
    "0 < seed < 3 and dataset.fold == 1": lambda m, lr, s, f: 0 < s < 3 and f == 1,
    "optimizer.lr * 10 + seed > 2": lambda m, lr, s, f: lr * 10 + s > 2,
    "model.dropout >= 0": lambda m, lr, s, f: m == "mlp",  # nothing else here has the key
    "not model.dropout >= 0": lambda m, lr, s, f: m != "mlp",
    "model.hidden == [384, 384] and seed not in (0, 1)": lambda m, lr, s, f: m == "mlp" and s > 1,
    "regularization != none and seed == 1": lambda m, lr, s, f: False,
    "init_from == null and seed == 1": lambda m, lr, s, f: s == 1,
}


@pytest.fixture(scope="module")
def jobs():
    """All runs of the grid, planned once."""
    return plan_runs(GRID, sweep=True).jobs


@pytest.mark.slow
@pytest.mark.parametrize("text", CONDITIONS)
def test_a_condition_holds_where_the_same_in_python_does(jobs, text):
    condition = Condition(text, "here")
    condition.check_names()
    holding = {
        point(job) for job in jobs if condition.holds(lookup_in(job.config, job.config["choices"]))
    }
    assert holding == {p for p in ALL if CONDITIONS[text](*p)}


@pytest.mark.slow
def test_exclusions_leave_what_brute_force_leaves(here):
    text = "model != linear and optimizer.lr >= 0.1"
    found, (line,) = points(f'hydra.sweeper.exclude="{text}"')
    assert found == {p for p in ALL if not CONDITIONS[text](*p)}
    assert line == "excluded by hydra.sweeper.exclude: 6 combinations"


def test_several_exclusions_all_count(here):
    found, _ = points("hydra.sweeper.exclude=['seed > 0','model == mlp']")
    assert found == {p for p in ALL if p[2] == 0 and p[0] != "mlp"}


@pytest.mark.slow
def test_an_excluded_combination_may_be_one_that_could_not_run(here):
    grid = ("dataset=wine", "model=mlp,linear", "model.dropout=0.1,0.2")
    plan = plan_runs([*grid, "hydra.sweeper.exclude='model == linear'"], sweep=True)
    assert [job.config["model"]["dropout"] for job in plan.jobs] == [0.1, 0.2]


@pytest.mark.slow
def test_values_that_are_paired_go_side_by_side(here):
    grid = ("dataset=wine", "dataset.folds=2", "model=linear,mlp,mlp_small", "seed=range(3)")
    grid += ("optimizer.lr=0.1,0.01,0.001", "dataset.fold=0,1")
    found, _ = points("hydra.sweeper.zip=[model,optimizer.lr]", grid=grid)
    models = ("linear", "mlp", "mlp_small")
    pairs = zip(models, (0.1, 0.01, 0.001), strict=True)
    assert found == {(m, lr, s, f) for (m, lr), s, f in itertools.product(pairs, range(3), FOLDS)}
    found, _ = points("hydra.sweeper.zip=[[seed,optimizer.lr,model]]", grid=grid)
    rows = zip(models, (0.1, 0.01, 0.001), range(3), strict=True)
    assert found == {(*row, fold) for row, fold in itertools.product(rows, FOLDS)}


@pytest.mark.slow
def test_several_pairings_are_crossed_and_one_value_goes_with_all(here):
    grid = ("dataset=wine", "dataset.folds=2", "model=linear,mlp", "optimizer.lr=0.1,0.01")
    grid += ("seed=3,4", "dataset.fold=0,1")
    zipped = "hydra.sweeper.zip=[[model,optimizer.lr],[seed,dataset.fold]]"
    found, _ = points(zipped, grid=grid)
    pairs = [("linear", 0.1), ("mlp", 0.01)]
    assert found == {(*a, *b) for a, b in itertools.product(pairs, [(3, 0), (4, 1)])}
    found, _ = points(zipped, "seed=7", grid=grid)
    assert found == {(*a, 7, f) for a, f in itertools.product(pairs, FOLDS)}


@pytest.mark.slow
def test_what_is_ablated_is_changed_alone_and_all_of_it_at_once(here):
    found, _ = points("hydra.sweeper.ablate=[model,optimizer.lr,dataset.fold]")
    first = (MODELS[0], RATES[0], FOLDS[0])
    settings = {
        (m, lr, f)
        for m, lr, f in itertools.product(MODELS, RATES, FOLDS)
        if (m, lr, f) == (MODELS[-1], RATES[-1], FOLDS[-1])
        or sum(a != b for a, b in zip((m, lr, f), first, strict=True)) < 2
    }
    assert len(settings) == 5
    assert found == {(m, lr, seed, f) for (m, lr, f) in settings for seed in SEEDS}


@pytest.mark.slow
def test_of_several_values_of_what_is_ablated_each_is_tried_alone_and_the_last_with_the_others(
    here,
):
    grid = ("dataset=wine", "model=linear", "optimizer.lr=0.1,0.01,0.001", "seed=1,2,3")
    plan = plan_runs([*grid, "hydra.sweeper.ablate=[optimizer.lr,seed]"], sweep=True)
    pairs = [(job.config["optimizer"]["lr"], job.config["seed"]) for job in plan.jobs]
    assert pairs == [(0.1, 1), (0.1, 2), (0.1, 3), (0.01, 1), (0.001, 1), (0.001, 3)]


@pytest.mark.slow
def test_a_key_with_a_condition_multiplies_only_the_runs_that_meet_it(here):
    grid = ("dataset=wine", "model=linear,mlp,mlp_small", "seed=0,1", "model.dropout=0.1,0.2")
    when = "hydra.sweeper.when={model.dropout:'model == mlp and seed > 0'}"
    plan = plan_runs([*grid, when], sweep=True)
    found = [
        (j.config["choices"]["model"], j.config["seed"], j.config["model"].get("dropout"))
        for j in plan.jobs
    ]
    assert Counter(found) == Counter(
        [
            *(("linear", seed, None) for seed in (0, 1)),
            *(("mlp_small", seed, 0.2) for seed in (0, 1)),  # its own
            *[("mlp", 0, 0.1), ("mlp", 1, 0.1), ("mlp", 1, 0.2)],  # its own, then both values
        ]
    )


@pytest.mark.slow
def test_a_key_may_be_swept_where_the_option_takes_it(here):
    grid = ("dataset=wine", "model=linear,mlp", "model.dropout=0.1,0.2")
    plan = plan_runs([*grid, "hydra.sweeper.when={model.dropout:exists}"], sweep=True)
    assert [job.config["model"].get("dropout") for job in plan.jobs] == [None, 0.1, 0.2]
    with pytest.raises(ConfigError, match=r"model\.dropout: model=linear has no such key"):
        plan_runs(grid, sweep=True)


@pytest.mark.slow
@pytest.mark.parametrize(("draw", "seed"), [(1, 0), (3, 1), (9, 0)])
def test_a_draw_takes_settings_with_all_their_seeds_and_folds(here, draw, seed):
    found, (line,) = points(f"hydra.sweeper.draw={draw}", f"hydra.sweeper.draw_seed={seed}")
    settings = {point[:2] for point in found}
    assert len(settings) == min(draw, 4)
    assert found == {(*a, *b) for a, b in itertools.product(settings, {p[2:] for p in ALL})}
    assert line == (
        f"drawn with draw_seed={seed}: {min(draw, 4)} of 4 settings, each with 6 of its 6 "
        "combinations of seeds, folds and split seeds"
    )


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 20])
def test_every_setting_gets_the_same_random_seeds_and_folds(here, count):
    found, _ = points(f"hydra.sweeper.draw_repeats={count}")
    repetitions = {point[2:] for point in found}
    assert len(repetitions) == min(count, 6)
    settings = itertools.product(MODELS, RATES)
    assert found == {(*a, *b) for a, b in itertools.product(settings, repetitions)}


@pytest.mark.slow
def test_larger_draws_hold_smaller_ones_whatever_the_order_of_words(here):
    small, _ = points("hydra.sweeper.draw=2", "hydra.sweeper.draw_repeats=2")
    large, _ = points("hydra.sweeper.draw=3", "hydra.sweeper.draw_repeats=4", grid=GRID[::-1])
    assert small < large
    wider = [*GRID[:2], "optimizer.lr=0.001,0.01,0.1", *GRID[3:]]
    first, _ = points("hydra.sweeper.draw=1")
    settings = {p[:2] for p in points("hydra.sweeper.draw=9", grid=wider)[0]}
    assert len(settings) == 6
    assert {p[:2] for p in first} < settings


def test_repetitions_are_what_comparisons_take_for_them():
    assert tuple(COMPARED_REPETITIONS) == REPETITION_KEYS
    assert {"seed", *SPLIT_KEYS} < {*REPETITION_KEYS}


def test_what_is_excluded_is_not_drawn(here):
    found, lines = points("hydra.sweeper.draw=2", "hydra.sweeper.exclude='model != mlp'")
    assert found == {p for p in ALL if p[0] == "mlp"}
    assert lines[0].startswith("drawn with draw_seed=0: 2 of 4 settings")


def test_every_setting_is_drawn_as_often_as_others(here):
    texts = [f"optimizer.lr={i}" for i in range(5)]
    firsts = Counter(shuffled(texts, seed)[0] for seed in range(2000))
    chi_squared = sum((firsts[text] - 400) ** 2 / 400 for text in texts)
    assert chi_squared < 18.5  # the 99.9th percentile of chi-squared with 4 degrees of freedom


MISTAKES = {
    "zip=3": "zip: 3 is not a list of keys, as [model,optimizer.lr], or of such lists",
    "zip=[seed]": "zip: seed alone; a pairing needs two keys",
    "zip=[seed,seed]": "zip: seed stands there twice",
    "zip=[sed,model]": "zip: no values of sed are given; did you mean 'seed'?",
    "zip=[seed,model]": "zip: pairs need as many values of each key; seed has 3, model has 2",
    "ablate=model": "ablate: 'model' is not a list of keys, as [regularization,augmentation]",
    "ablate=[modle]": "ablate: no values of modle are given; did you mean 'model'?",
    "ablate=[dataset]": "ablate: dataset has one value; list what it is without, then what is "
    "tried",
    "draw=0": "draw: 0 is neither null nor a whole number from 1",
    "draw_repeats=1.5": "draw_repeats: 1.5 is neither null nor a whole number from 1",
    "draw_seed=x": "draw_seed: 'x' is not a whole number",
    "when=3": "when: 3 is not {KEY: CONDITION}, as {model.dropout: 'model == mlp'}",
    "when={model.width:exists}": "when: no values of model.width are given",
    "when={seed:'seed == 1'}": "when.seed: 'seed == 1' asks for seed itself",
    "exclude=7": "exclude: 7 is no condition, as 'model == mlp'",
    "exclude='seed >= 0'": "exclude: leaves no run of 24 combinations",
    "exclude='modle == mlp'": "exclude: 'modle == mlp': 'modle == mlp' names no key of a run; "
    "did you mean 'model'?",
    "exclude='model.dropuot > 1'": "exclude: 'model.dropuot > 1': no run has a key model.dropuot; "
    "did you mean 'model.dropout'?",
    "exclude='model = mlp'": "exclude: 'model = mlp': cannot be read; write it as 'model == mlp "
    "and optimizer.lr > 0.01', with and, or, not, in",
    "exclude='seed > mlp'": "exclude: 'seed > mlp': cannot be decided: '>' not supported between "
    "instances of 'int' and 'str'",
    "exclude='seed * a == 1'": "exclude: 'seed * a == 1': cannot be decided: 'a' is no number; "
    "words that hold a - or / need quotes",
    "exclude='len(seed) > 1'": "exclude: 'len(seed) > 1': 'len(seed)' cannot stand here; write it "
    "as 'model == mlp and optimizer.lr > 0.01', with and, or, not, in",
}


@pytest.mark.parametrize("word", MISTAKES)
def test_mistakes_are_one_line(here, word):
    with pytest.raises(ConfigError) as error:
        points(f"hydra.sweeper.{word}")
    assert str(error.value) == f"hydra.sweeper.{MISTAKES[word]}"
